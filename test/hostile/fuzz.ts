import { parseArgs } from 'node:util';
import { fuzz, FuzzFailure } from './fuzzing.ts';

/** `npm run fuzz -- --requests 100000 --seed 1 --storage memory`: half of the requests for each storage if none is named. */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    storage: { type: 'string' },
  },
});
const storages = (['memory', 'filesystem'] as const).filter(
  (storage) => values.storage === undefined || storage === values.storage,
);
const requests = Math.ceil(Number(values.requests) / storages.length);
const seed = Number(values.seed);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

print(`seed ${seed}`);
for (const storage of storages) {
  const began = performance.now();
  try {
    const { statuses, unanswered } = await fuzz({
      storage,
      requests,
      seed,
      onProgress: (sent) => {
        if (sent % 10_000 === 0) print(`${storage}: ${sent} requests`);
      },
    });
    const seconds = Math.round((performance.now() - began) / 1000);
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    const failures = [...statuses]
      .filter(([status]) => status >= 500)
      .reduce((sum, [, count]) => sum + count, 0);
    print(
      `${storage}: ${requests} requests in ${seconds} s, ${failures} of them 5xx, ${unanswered} unanswered`,
    );
    print(`  ${counts.join(', ')}`);
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    print(error.message);
    process.exitCode = 1;
  }
}
