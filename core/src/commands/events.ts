import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { Outbox, OutboxArchive, sinksIn } from '@entrepot/plugin-sdk/events';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { openStorage } from '../registry/open-storage.ts';

export interface EventsFlags {
  readonly config?: string;
  readonly sink?: string;
  readonly since?: string;
}

const USAGE = 'say tail, replay --since <time>, dead-letter list, or dead-letter retry [letter...]';

/** `registry events`. @throws Error that says what can be asked for, when it is something else. */
export async function events(
  [what = '', how, ...letters]: readonly string[],
  flags: EventsFlags,
): Promise<void> {
  if (what === 'tail' && how === undefined) return tail(flags);
  if (what === 'replay' && how === undefined) return replay(flags);
  if (what === 'dead-letter' && how === 'list' && letters.length === 0) return listDeadLetters(flags);
  if (what === 'dead-letter' && how === 'retry') return retryDeadLetters(letters, flags);
  throw new Error(USAGE);
}

/** Milliseconds between two looks for what is new. */
const LOOK_EVERY = 1000;

/**
 * `registry events tail`: prints changes as they are delivered, a line of JSON each, until it is told to stop. It shows what
 * the sink keeps.
 */
async function tail(flags: EventsFlags): Promise<void> {
  const stopped = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());
  process.stdout.once('error', () => stopped.abort());
  await withSink(flags, async ({ archive }) => {
    for (let after = `${String(Date.now()).padStart(13, '0')}-`; !stopped.signal.aborted;) {
      for await (const entry of archive.entries(after)) {
        after = entry.name;
        for (const event of entry.events) print(event);
      }
      await Promise.allSettled([sleep(LOOK_EVERY, undefined, { signal: stopped.signal })]);
    }
  });
}

/**
 * `registry events replay`: has changes delivered again that the sink keeps. A registry that runs does it in some seconds.
 * @throws Error when `--since` is no time.
 */
async function replay(flags: EventsFlags): Promise<void> {
  const now = Date.now();
  const { since: from = '' } = flags;
  const since = parseSince(from, now);
  if (since === undefined)
    throw new Error(`--since takes 90m, 2h, 1d or a time like 2026-01-31T12:00:00Z, not '${from}'`);
  await withSink(flags, async ({ archive, sink }) => {
    print({ sink, replayed: await archive.replay(since, now) });
  });
}

/** `registry events dead-letter list`: prints what was given up, a line of JSON each. */
async function listDeadLetters(flags: EventsFlags): Promise<void> {
  await withSink(flags, async ({ archive, sink }) => {
    for await (const letter of archive.letters()) print({ sink, ...letter });
  });
}

/**
 * `registry events dead-letter retry`: has dead letters delivered again, those of these names or all.
 * @throws Error when there is no such letter; those before it are retried all the same.
 */
async function retryDeadLetters(names: readonly string[], flags: EventsFlags): Promise<void> {
  await withSink(flags, async ({ archive, sink }) => {
    const letters = [...names];
    if (names.length === 0) for await (const { letter } of archive.letters()) letters.push(letter);
    for (const letter of letters) {
      if (await archive.retry(letter)) print({ sink, retried: letter });
      else if (names.length > 0) throw new Error(`there is no dead letter '${letter}'`);
    }
  });
}

interface Sink {
  readonly sink: string;
  readonly archive: OutboxArchive;
}

async function withSink(
  { config: file, sink: named }: EventsFlags,
  work: (sink: Sink) => Promise<void>,
): Promise<void> {
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const log = await createLog(config.log, process.stderr);
  const storage = await openStorage(config, log);
  try {
    const sink = await chooseSink(storage.driver, named);
    // Whoever replays wants it so: the bound of the sink is for what comes by itself.
    const bounds = { maxBytes: Number.MAX_SAFE_INTEGER, keepFor: 0 };
    const outbox = new Outbox(storage.driver, sink, { ...bounds, log, now: () => Date.now() });
    await work({ sink, archive: new OutboxArchive(storage.driver, sink, outbox) });
  } finally {
    await storage.close();
  }
}

/** @throws Error that names the sinks there are, when it has to be said which one is meant. */
async function chooseSink(driver: StorageDriver, named: string | undefined): Promise<string> {
  const sinks = await sinksIn(driver);
  if (named !== undefined && sinks.includes(named)) return named;
  const [only] = sinks;
  if (only === undefined)
    throw new Error("no sink has anything in this storage; one with `delivery: 'atLeastOnce'` has");
  if (named === undefined && sinks.length === 1) return only;
  const problem = named === undefined ? 'say which sink is meant with --sink' : `there is no sink '${named}'`;
  throw new Error(`${problem}; there are ${sinks.join(', ')}`);
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `1d` ago, or a time as ISO 8601 has it; milliseconds since 1970. `undefined` for what is neither. */
function parseSince(text: string, now: number): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return Math.max(0, now - Number(count) * (UNITS[unit] ?? 0));
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time);
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
