import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from './audit.ts';
import { HttpClient, Unanswered } from './http.ts';
import { killPoints, type KillPoint } from './kill-points.ts';
import { Ledger } from './ledger.ts';
import { PushingClient } from './pushing-client.ts';
import { Random } from './random.ts';
import { RegistryProcesses } from './registry-processes.ts';

export interface TortureOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly processes: number;
  readonly workers: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** What came of it. A run that finds something wrong throws instead. */
export interface TortureReport {
  readonly kills: number;
  /** Kills at a named step, and how many of the named steps were hit. */
  readonly killsAtSteps: number;
  readonly stepsHit: number;
  readonly steps: number;
  readonly requests: number;
  readonly acknowledged: number;
  /** Files in `tmp` after the last stop. */
  readonly leftovers: number;
  /** What `registry verify --deep` says of the storage in the end: kinds of findings, without mere leftovers. */
  readonly findings: readonly string[];
}

/**
 * What a crash may leave. Nothing refers to the first five. The last two belong to a manifest whose push died right after
 * writing it, before it was answered: pushing it again, or `verify --repair`, adds them.
 */
const HARMLESS = new Set([
  'dangling-link',
  'orphaned-data',
  'orphaned-tail',
  'stale-upload',
  'empty-repository',
  'missing-referrers-entry',
  'missing-catalog-entry',
]);

/**
 * Clients push, overwrite, mount, delete and pull while the registry is killed again and again; after each restart all
 * that was acknowledged is read back.
 * @throws Wrong with the history of the repository concerned
 */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { seconds, clients: count, processes, workers, seed, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-torture-'));
  const random = new Random(seed);
  const registry = await RegistryProcesses.on({ folder, processes, workers });
  const http = new HttpClient(registry.ports);
  const ledgers = Array.from({ length: count }, (_, index) => new Ledger(`torture/c${index}`));
  const clients = ledgers.map(
    (ledger) =>
      new PushingClient(ledger, http, new Random(random.below(2 ** 32)), () => random.pick(ledgers)),
  );
  const hit = new Set<number>();
  let kills = 0;
  let killsAtSteps = 0;
  const end = performance.now() + seconds * 1000;
  try {
    for (let cycle = 0; performance.now() < end; cycle += 1) {
      const isAtStep = !random.chance(0.25);
      const step = cycle % killPoints.length;
      const planned = killPoints[step];
      const point: KillPoint | undefined =
        isAtStep && planned !== undefined ? { ...planned, nth: 1 + random.below(4) } : undefined;
      await registry.start(point);
      let running = true;
      const work = Promise.all(clients.map((client) => pushUntil(client, () => !running)));
      const limit = performance.now() + (point === undefined ? 200 + random.below(1_000) : 1_500);
      while (performance.now() < limit && registry.allRun) await Promise.race([sleep(20), work]);
      if (registry.allRun) await registry.kill(random.below(processes));
      else {
        hit.add(step);
        killsAtSteps += 1;
      }
      kills += 1;
      running = false;
      await work;
      await registry.start(undefined);
      for (const client of clients) await audit(client, http);
      if (cycle % 20 === 19)
        say(`${kills} kills, ${http.requests} requests, ${hit.size} of ${killPoints.length} steps hit`);
    }
    const codes = await registry.stop();
    if (codes.some((code) => code !== 0)) throw new Error(`the registry stopped with ${String(codes)}`);
    return {
      kills,
      killsAtSteps,
      stepsHit: hit.size,
      steps: killPoints.length,
      requests: http.requests,
      acknowledged: clients.reduce((sum, client) => sum + client.acknowledged, 0),
      leftovers: (await readdir(join(registry.root, 'tmp'), { recursive: true })).length,
      findings: await verify(registry.config),
    };
  } finally {
    http.close();
    await registry.killAll();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Works until told to stop, or until an answer fails to come. */
async function pushUntil(client: PushingClient, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    try {
      await client.step();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      // The registry may be gone, or only the one process this request went to.
      await sleep(10);
    }
  }
}

/** Kinds of findings of `registry verify --deep` that are no mere leftovers. */
async function verify(config: string): Promise<string[]> {
  const executable = new URL('../../core/bin/registry.js', import.meta.url).pathname;
  const output = await new Promise<string>((resolve, reject) => {
    const args = [executable, 'verify', '--deep', '--json', '--config', config];
    const env = { ...process.env, NODE_OPTIONS: '' };
    execFile(process.execPath, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      // 1 says that there are findings: which ones is what matters.
      if (error !== null && error.code !== 1) reject(new Error(`verify failed: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
  const kinds = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
    .flatMap((line) =>
      typeof line === 'object' && line !== null && 'kind' in line ? [String(line.kind)] : [],
    );
  return [...new Set(kinds)].filter((kind) => !HARMLESS.has(kind));
}
