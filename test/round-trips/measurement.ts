import { Memory } from '@entrepot/storage-memory';
import type { StorageCall } from '@entrepot/storage-simulator';
import type { Operation } from './operations.ts';
import { Replica } from './replica.ts';

const MAX_BYTES = 1024 ** 3;

export type RoundsTaken = readonly (readonly StorageCall[])[];

/** What `operation` takes of storage, on a replica that remembers only what it has been given. */
export async function measure({ stored, seeded, given, perform }: Operation): Promise<RoundsTaken> {
  const memory = new Memory(MAX_BYTES);
  const other = await Replica.start(memory);
  if (stored !== undefined) await other.rounds.during(() => stored(other));
  await other.stop();
  seeded?.(memory);
  const replica = await Replica.start(memory);
  if (given !== undefined) await replica.rounds.during(() => given(replica));
  const rounds = await replica.rounds.during(() => perform(replica));
  await replica.stop();
  return rounds;
}

/** The heading of the table of docs/performance.md. */
export const heading = [
  'Operation',
  'Calls',
  'Rounds',
  'At most',
  'Met',
  'One round after the other',
] as const;

/** Cells of the operation's row in the table. */
export function rowOf({ title, aim }: Operation, rounds: RoundsTaken): string[] {
  const [most = '', ...what] = aim?.split(' ') ?? [];
  const wanted =
    aim === undefined ? '' : `${most} ${most === '1' ? singular(what.join(' ')) : what.join(' ')}`;
  const met = aim === undefined ? '' : taken(rounds, what.join(' ')) <= Number(most) ? 'yes' : 'no';
  const calls = rounds.flat().length;
  return [title, String(calls), String(rounds.length), wanted, met, rounds.map(wordsOf).join(' → ')];
}

function singular(what: string): string {
  return what.replace(/s$/, '');
}

/** How much of what an aim limits. */
function taken(rounds: RoundsTaken, what: string): number {
  const verbs = rounds.flat().map(({ verb }) => verb);
  if (what === 'writes')
    return verbs.filter((verb) => !['read', 'open', 'size', 'list'].includes(verb)).length;
  if (what === 'lists') return verbs.filter((verb) => verb === 'list').length;
  return what === 'before the data' ? rounds.length - 1 : rounds.length;
}

/** `2 read link, read record` */
function wordsOf(round: readonly StorageCall[]): string {
  const counts = new Map<string, number>();
  for (const { verb, key } of round) {
    const what = `${verb} ${kindOf(key)}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([what, count]) => (count === 1 ? what : `${count} ${what}`))
    .join(', ');
}

/** What is under a key: `core/src/store/keys.ts`. */
function kindOf(key: string): string {
  const [first = '', , third = ''] = key.split('/');
  const kinds: Readonly<Record<string, string>> = {
    catalog: 'catalog',
    'deleted-tags': 'deleted tag',
    blobs: 'record',
    data: 'bytes',
    uploads: 'session',
    tails: 'tail',
    secrets: 'secret',
  };
  const inRepository: Readonly<Record<string, string>> = {
    manifests: 'manifest',
    tags: 'tag',
    referrers: 'referrer',
    blobs: 'link',
  };
  const kind = first === 'repos' ? inRepository[third] : kinds[first];
  if (kind === undefined) throw new Error(`nobody knows what is under ${key}`);
  return kind;
}
