import { createHash } from 'node:crypto';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { KnownPulls } from './rules.ts';
import { readJson, updateJson } from './stored-json.ts';

/** When all pulls have been recorded since, and until when that is certain. */
const RECORDING = 'retention/recording';
/** Records of a repository: each name is in one of them, so that none grows large, and replicas seldom meet. */
const SHARDS = Array.from({ length: 16 }, (_, index) => index.toString(16));
/** Names a record holds: of more, those that were pulled longest ago are forgotten. */
const MAX_NAMES = 20_000;
/** Nobody has recorded for so long: what was pulled meanwhile is not known; milliseconds. */
const GAP = 3_600_000;
/** Milliseconds between two notes that somebody records. */
const SEEN_EVERY = 600_000;

interface Recording {
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly seen: number;
}

interface Shard {
  /** By tag or digest, which tell themselves apart; milliseconds since 1970. */
  readonly pulls: Readonly<Record<string, number>>;
  /** What is not in it may have been pulled until then. */
  readonly forgotten: number;
}

/** What is stored of pulls. Replicas add to it by compare-and-swap, each what it has seen. */
export class PullRecords {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  /** Says that somebody records now. After a gap, all counts as pulled until its end. */
  async record(now: number): Promise<void> {
    await updateJson(this.#driver, RECORDING, recordingOf, (current) => {
      if (current === undefined || current === 'damaged' || now - current.seen > GAP)
        return { since: now, seen: now };
      return now - current.seen > SEEN_EVERY ? { ...current, seen: now } : undefined;
    });
  }

  /** Says that pulls have been lost: all counts as pulled until now. */
  async lose(now: number): Promise<void> {
    await updateJson(this.#driver, RECORDING, recordingOf, () => ({ since: now, seen: now }));
  }

  /** Adds pulls of one repository. */
  async add(repository: string, pulls: ReadonlyMap<string, number>, now: number): Promise<void> {
    const shards = Map.groupBy(pulls, ([name]) => shardOf(name));
    for (const [shard, entries] of shards) {
      await updateJson(this.#driver, keyOf(repository, shard), shardIn, (current) => {
        const known =
          current === undefined
            ? { pulls: {}, forgotten: 0 }
            : current === 'damaged'
              ? damagedAt(now)
              : current;
        return withPulls(known, entries);
      });
    }
  }

  /** What is known of a repository. @throws Error when something is damaged; StorageError. */
  async known(repository: string, now: number): Promise<KnownPulls> {
    const recording = await readJson(this.#driver, RECORDING, recordingOf);
    const shards = await Promise.all(
      SHARDS.map((shard) => readJson(this.#driver, keyOf(repository, shard), shardIn)),
    );
    const forgotten = shards.map((shard) => shard?.forgotten ?? 0);
    const pulls = new Map(shards.flatMap((shard) => Object.entries(shard?.pulls ?? {})));
    return {
      unknownUntil: Math.max(recording === undefined ? now : recording.since, ...forgotten),
      of: (tag, digest) => {
        const times = [pulls.get(tag), pulls.get(digest)].filter((time) => time !== undefined);
        return times.length === 0 ? undefined : Math.max(...times);
      },
    };
  }
}

/** Its pulls are not known any more. */
function damagedAt(now: number): Shard {
  return { pulls: {}, forgotten: now };
}

function withPulls(
  { pulls, forgotten }: Shard,
  entries: readonly (readonly [name: string, at: number])[],
): Shard | undefined {
  const merged = new Map(Object.entries(pulls));
  let isChanged = false;
  for (const [name, at] of entries) {
    if ((merged.get(name) ?? 0) >= at) continue;
    merged.set(name, at);
    isChanged = true;
  }
  if (!isChanged) return undefined;
  const newest = [...merged].toSorted(([, one], [, other]) => other - one);
  const [, last = 0] = newest[MAX_NAMES] ?? [];
  return {
    pulls: Object.fromEntries(newest.slice(0, MAX_NAMES)),
    forgotten: Math.max(forgotten, last),
  };
}

function shardOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').charAt(0);
}

/** `~` is in no name of a repository, and `/` is in no segment of a key. */
function keyOf(repository: string, shard: string): string {
  return `retention/pulls/${repository.replaceAll('/', '~')}/${shard}`;
}

function recordingOf(json: unknown): Recording | undefined {
  if (!isObject(json)) return undefined;
  const { since, seen } = json;
  return isTime(since) && isTime(seen) ? { since, seen } : undefined;
}

function shardIn(json: unknown): Shard | undefined {
  if (!isObject(json) || !isTime(json['forgotten']) || !isTimes(json['pulls'])) return undefined;
  return { pulls: json['pulls'], forgotten: json['forgotten'] };
}

function isTimes(value: unknown): value is Readonly<Record<string, number>> {
  return isObject(value) && Object.values(value).every(isTime);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
