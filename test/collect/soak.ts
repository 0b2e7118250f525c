// npm run soak -- --minutes N --storage filesystem|s3|azure --replicas N: see docs/garbage-collection.md
import { inspect, parseArgs } from 'node:util';
import { isStorageName } from './soak-storages.ts';
import { soak } from './soaking.ts';

const { values } = parseArgs({
  options: {
    storage: { type: 'string', default: 'filesystem' },
    replicas: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    clients: { type: 'string', default: '20' },
    workers: { type: 'string', default: '2' },
    grace: { type: 'string', default: '10' },
    rate: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

function numberOf(name: Exclude<keyof typeof values, 'storage'>): number {
  const number = Number(values[name]);
  if (number > 0) return number;
  throw new Error(`--${name} is to be a number above 0, not '${values[name]}'`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { storage } = values;
if (!isStorageName(storage)) throw new Error(`--storage is to be filesystem, s3 or azure, not '${storage}'`);
const seed = numberOf('seed');
say(`seed ${seed}`);
const report = await soak({
  storage,
  replicas: numberOf('replicas'),
  seconds: numberOf('minutes') * 60,
  clients: numberOf('clients'),
  workers: numberOf('workers'),
  grace: numberOf('grace') * 1000,
  rate: numberOf('rate'),
  seed,
  say,
});
say(inspect(report, { breakLength: 110, depth: 5, maxArrayLength: 50 }));
const { errors, flaws, damage, leftovers } = report;
process.exitCode = [...errors, ...flaws, ...damage, ...leftovers].length > 0 ? 1 : 0;
