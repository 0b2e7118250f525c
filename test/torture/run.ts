import { inspect, parseArgs } from 'node:util';
import { torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    clients: { type: 'string', default: '4' },
    processes: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

const seed = Number(values.seed);
say(`torture: seed ${seed}`);
try {
  const report = await torture({
    seconds: Number(values.minutes) * 60,
    clients: Number(values.clients),
    processes: Number(values.processes),
    workers: Number(values.workers),
    seed,
    say,
  });
  // Anything lost, wrong or dangling would have been thrown.
  say(inspect(report));
  if (report.findings.length > 0) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${inspect(error)}\n`);
  process.exitCode = 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
