// Measures Entrepot alone: README.md in this folder.
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { allocations } from './allocations.ts';
import { hookOverhead } from './hook-overhead.ts';
import { httpWorkloads } from './http-workloads.ts';
import { storageCalls } from './storage-calls.ts';
import { storeOperations } from './store-operations.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    names: { type: 'string', default: '10000' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
  },
});

function numberOf(name: 'seconds' | 'names'): number {
  const number = Number(values[name]);
  if (number > 0) return number;
  throw new Error(`--${name} is to be a number above 0, not '${values[name]}'`);
}

const only = new RegExp(values.only);
const isWanted =
  (section: string) =>
  (name: string): boolean =>
    only.test(`${section}: ${name}`);
const seconds = values.quick ? 0.5 : numberOf('seconds');
const sizes = { seconds, names: values.quick ? 1000 : numberOf('names') };

const report = {
  at: new Date().toISOString(),
  machine: {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    system: `${process.platform} ${release()}`,
    node: process.version,
  },
  settings: sizes,
  // In this process before anything has grown its heap.
  allocations: await allocations(isWanted('allocations')),
  store: await storeOperations(sizes, isWanted('store')),
  hooks: await hookOverhead(seconds, isWanted('hooks')),
  http: await httpWorkloads(sizes, isWanted('http')),
  storageCalls: await storageCalls(isWanted('storageCalls')),
};
const json = `${JSON.stringify(report, undefined, 2)}\n`;
if (values.out === undefined) process.stdout.write(json);
else await writeFile(values.out, json);
