import { once } from 'node:events';
import { loadConfig } from '../config/load-config.ts';
import { messageOf } from '../error-message.ts';
import { createLog } from '../log.ts';
import {
  openCollection,
  type Account,
  type CollectSummary,
  type OpenCollection,
  type Step,
} from '../registry/collection.ts';
import { CollectionScreen } from './collection-screen.ts';

export interface GcFlags {
  readonly config?: string;
  readonly dryRun?: boolean;
  /** Storage calls a second at most. */
  readonly rate?: number;
  readonly json?: boolean;
}

/** Tells what is done. Each gives whether there is room for more at once. */
export interface CollectionTeller {
  took(step: Step): boolean;
  end(summary: CollectSummary): boolean;
  /** Nothing more is told. */
  stop(): void;
}

/**
 * `registry gc`: one run of garbage collection, while registries may serve the same storage. What it does goes to
 * standard output: for people on a terminal, as lines of JSON elsewhere. The exit code is 0 when it has come to its end,
 * also when another process collects already, and 1 when it has failed or was told to stop: the next run goes on.
 */
export async function gc({ config: file, dryRun = false, rate, json = false }: GcFlags): Promise<void> {
  const stopped = new AbortController();
  const stop = (reason: string): void => stopped.abort(new Error(`${reason}; the next run goes on`));
  process.once('SIGTERM', () => stop('it was told to stop'));
  process.once('SIGINT', () => stop('it was told to stop'));
  // Whoever reads the lines has gone.
  process.stdout.once('error', () => stop('nobody reads what it does'));
  try {
    const { config } = await loadConfig(file === undefined ? {} : { file });
    const log = await createLog(config.log, process.stderr);
    const lost = new AbortController();
    const collection = await openCollection(config, {
      log,
      dryRun,
      callsPerSecond: rate,
      signal: AbortSignal.any([stopped.signal, lost.signal]),
    });
    try {
      const isForPeople = process.stdout.isTTY && !json;
      if (dryRun) await tell(collection, isForPeople, { showsSteps: true });
      else await collectAlone(collection, lost, isForPeople);
    } finally {
      await collection.close();
    }
  } catch (error) {
    process.stderr.write(`registry: could not collect: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

async function collectAlone(
  collection: OpenCollection,
  lost: AbortController,
  isForPeople: boolean,
): Promise<void> {
  const lease = await collection.takeLease();
  if ('heldBy' in lease) {
    const { heldBy, until } = lease;
    if (isForPeople)
      process.stdout.write(
        `Garbage is being collected already, by ${heldBy}. If that has died, another may begin in ${secondsTo(until)} s.\n`,
      );
    else print({ alreadyRunning: heldBy, until: timeOf(until) });
    return;
  }
  lease.signal.addEventListener('abort', () => lost.abort(lease.signal.reason));
  let isDone = false;
  try {
    await tell(collection, isForPeople, { showsSteps: false });
    isDone = true;
  } finally {
    await lease.release(isDone);
  }
}

async function tell(
  collection: OpenCollection,
  isForPeople: boolean,
  options: { readonly showsSteps: boolean },
): Promise<void> {
  const teller = isForPeople
    ? new CollectionScreen(process.stdout, () => collection.progress, options)
    : jsonLines;
  try {
    const run = collection.run();
    for (;;) {
      const next = await run.next();
      // A slow reader slows collection down, not memory up.
      const hasRoom = next.done === true ? teller.end(next.value) : teller.took(next.value);
      if (next.done === true) return;
      if (!hasRoom) await once(process.stdout, 'drain');
    }
  } finally {
    teller.stop();
  }
}

const jsonLines: CollectionTeller = {
  took: ({ action, kind, digest, repository, bytes }) =>
    print({ action, [kind]: digest, ...(repository === undefined ? {} : { repository }), bytes }),
  end: ({ blobs, manifests, ...summary }) =>
    print({ summary: { ...summary, blobs: accountOf(blobs), manifests: accountOf(manifests) } }),
  stop: () => undefined,
};

/** Times as JSON has them. */
function accountOf({ waiting, ...account }: Account): object {
  const { from, until, ...rest } = waiting;
  return { ...account, waiting: { ...rest, from: timeOf(from), until: timeOf(until) } };
}

function timeOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function secondsTo(time: number): number {
  return Math.max(0, Math.ceil((time - Date.now()) / 1000));
}

function print(line: object): boolean {
  return process.stdout.write(`${JSON.stringify(line)}\n`);
}
