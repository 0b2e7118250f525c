import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { RegistryChild } from '../hostile/registry-child.ts';
import { Connections } from './connections.ts';
import { digestOf, manifestOf, push, put, REPOSITORY, variantOf } from './content.ts';
import { underLoad, type LoadReport } from './load.ts';

const MAX_REPOSITORIES = 1000;
const BIG = 64 * 1024 * 1024;
/** Milliseconds of a clock tick in /proc: USER_HZ is 100 on every Linux that Node runs on. */
const TICK = 10;

export interface Sizes {
  readonly seconds: number;
  /** Names in a long list. */
  readonly names: number;
}

interface Workload {
  readonly atOnce: number;
  readonly operation: (number: number) => Promise<unknown>;
}

/** Requests to `registry start` on a filesystem, with syncs and everything as it is by default. */
export async function httpWorkloads(
  { seconds, names }: Sizes,
  isWanted: (name: string) => boolean,
): Promise<Readonly<Record<string, LoadReport>>> {
  const registry = await RegistryChild.start({ storage: 'filesystem' });
  const connections = new Connections(registry.url, 64);
  try {
    const reports: Record<string, LoadReport> = {};
    for (const [name, workload] of Object.entries(await workloads(connections, names))) {
      if (!isWanted(name)) continue;
      reports[name] = await underLoad({ ...workload, seconds, cpu: () => cpuOf(registry.pid) });
    }
    return reports;
  } finally {
    connections.close();
    await registry.stop();
  }
}

async function workloads(registry: Connections, names: number): Promise<Readonly<Record<string, Workload>>> {
  const [small, middling, big] = [randomBytes(1024), randomBytes(64 * 1024), randomBytes(BIG)];
  for (const bytes of [small, middling, big]) await push(registry, bytes);
  const image = manifestOf('image', [small, middling, big]);
  await put(registry, image, 'latest');
  const repositories = Math.min(names, MAX_REPOSITORIES);
  await seed(names, (name) => put(registry, image, name));
  await seed(repositories, (name) => put(registry, manifestOf('empty', []), 'latest', `library/${name}`));
  const path = `/v2/${REPOSITORY}`;
  const ask =
    (question: string, method = 'GET') =>
    (): Promise<unknown> =>
      registry.ask({ method, path: `${path}/${question}` });
  return {
    ping: { atOnce: 64, operation: () => registry.ask({ path: '/v2/' }) },
    'manifest GET by tag': { atOnce: 64, operation: ask('manifests/latest') },
    'manifest GET by digest': { atOnce: 64, operation: ask(`manifests/${digestOf(image)}`) },
    'manifest HEAD by tag': { atOnce: 64, operation: ask('manifests/latest', 'HEAD') },
    'blob HEAD': { atOnce: 64, operation: ask(`blobs/${digestOf(big)}`, 'HEAD') },
    'blob GET 1 KiB': { atOnce: 64, operation: ask(`blobs/${digestOf(small)}`) },
    'blob GET 64 KiB': { atOnce: 64, operation: ask(`blobs/${digestOf(middling)}`) },
    'blob GET 64 MiB': { atOnce: 2, operation: ask(`blobs/${digestOf(big)}`) },
    [`tags page of 100 among ${names}`]: {
      atOnce: 8,
      operation: ask(`tags/list?n=100&last=${nameOf(Math.floor(names / 2))}`),
    },
    [`catalog page of 100 among ${repositories}`]: {
      atOnce: 8,
      operation: () => registry.ask({ path: '/v2/_catalog?n=100' }),
    },
    'manifest PUT': {
      atOnce: 8,
      operation: (number) => put(registry, manifestOf(`new ${number}`, [small, middling]), `new-${number}`),
    },
    'blob push 1 KiB': { atOnce: 8, operation: () => push(registry, variantOf(small)) },
    'blob push 1 MiB': { atOnce: 8, operation: () => push(registry, variantOf(big.subarray(0, 1024 ** 2))) },
    'blob push 64 MiB': { atOnce: 1, operation: () => push(registry, variantOf(big)) },
  };
}

/** Does `work` with so many names, some at a time. */
async function seed(count: number, work: (name: string) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) await work(nameOf(number));
  };
  await Promise.all(Array.from({ length: 32 }, lane));
}

function nameOf(number: number): string {
  return `v${String(number).padStart(6, '0')}`;
}

/** Milliseconds of CPU that all threads of a process have used: proc_pid_stat(5), utime and stime. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in brackets, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}
