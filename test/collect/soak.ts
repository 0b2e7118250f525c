// npm run soak -- --minutes N: see docs/garbage-collection.md
import { inspect, parseArgs } from 'node:util';
import { soak } from './soaking.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    clients: { type: 'string', default: '20' },
    workers: { type: 'string', default: '2' },
    grace: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

function numberOf(name: 'minutes' | 'clients' | 'workers' | 'grace' | 'seed'): number {
  const number = Number(values[name]);
  if (number > 0) return number;
  throw new Error(`--${name} is to be a number above 0, not '${values[name]}'`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const seed = numberOf('seed');
say(`seed ${seed}`);
const report = await soak({
  seconds: numberOf('minutes') * 60,
  clients: numberOf('clients'),
  workers: numberOf('workers'),
  grace: numberOf('grace') * 1000,
  seed,
  say,
});
say(inspect(report, { breakLength: 110, depth: 5, maxArrayLength: 50 }));
const { errors, flaws, damage, leftovers } = report;
process.exitCode = [...errors, ...flaws, ...damage, ...leftovers].length > 0 ? 1 : 0;
