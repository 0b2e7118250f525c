import { isDigest } from '../digest.ts';
import { isCount, isObject, nonce, parseObject, type RecordFormat } from './records.ts';

/** What a tag points at. */
export interface TagTarget {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** The life of the manifest in which the tag was set. What a delete leaves of an earlier life does not count as set. */
  readonly incarnation: string;
}

/** What a tag pointed at, since when, and who set it; or that it was deleted, when, and by whom. */
export interface TagChange {
  readonly digest: string;
  /** Milliseconds since 1970; 0 when nobody knows. */
  readonly at: number;
  readonly actor?: string;
  /** The tag was deleted, while it pointed at `digest`: by itself, or as the manifest was. */
  readonly deleted?: 'tag' | 'manifest' | undefined;
}

export interface TagRecord extends TagTarget {
  /** The newest first; the first is the present. */
  readonly history: readonly TagChange[];
}

/** Changes a tag remembers. */
export const MAX_HISTORY = 100;

/** The record that follows `current` when the tag is set to `target`. `past` is that of one that is new here. */
export function nextTagRecord(
  current: TagRecord | undefined,
  target: TagTarget,
  change: Omit<TagChange, 'digest'>,
  past: readonly TagChange[] = [],
): TagRecord {
  const { digest, mediaType, size, incarnation } = target;
  return {
    digest,
    mediaType,
    size,
    incarnation,
    history: [{ ...change, digest }, ...(current?.history ?? past)].slice(0, MAX_HISTORY),
  };
}

/** One line for the present, which is all that a pull needs, and one for the past. */
export const tagRecordFormat: RecordFormat<TagRecord> = {
  encode: ({ history, ...present }) =>
    Buffer.from(`${JSON.stringify({ ...present, nonce: nonce() })}\n${JSON.stringify({ history })}`),
  decode: (bytes) => {
    const end = bytes.indexOf(0x0a);
    const present = end === -1 ? undefined : parseObject(bytes.subarray(0, end));
    if (present === undefined) return undefined;
    const { digest, mediaType, size, incarnation } = present;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof mediaType !== 'string') return undefined;
    if (!isCount(size) || typeof incarnation !== 'string') return undefined;
    return { digest, mediaType, size, incarnation, history: historyOf(bytes) };
  },
};

/** What the second line of a record says, whether the first one makes sense or not. */
export function historyOf(bytes: Uint8Array): readonly TagChange[] {
  return historyIn(parseObject(bytes.subarray(bytes.indexOf(0x0a) + 1)));
}

/** The changes that parsed JSON has. */
export function historyIn(json: Readonly<Record<string, unknown>> | undefined): readonly TagChange[] {
  const history = json?.['history'];
  return Array.isArray(history) ? history.filter(isTagChange) : [];
}

/**
 * All changes that the record of a tag and that of its deletions know, the newest first. Whatever the latter tells of
 * after something that the tag itself remembers has not happened: a deletion is noted before it is done.
 */
export function joinHistories(present: readonly TagChange[], past: readonly TagChange[]): TagChange[] {
  const known = new Set(present.map(identityOf));
  const first = past.findIndex((change) => known.has(identityOf(change)));
  const older = first === -1 ? past : past.slice(first).filter((change) => !known.has(identityOf(change)));
  return [...present, ...older];
}

/** What the tag has pointed at, at any moment since `since`, which is in milliseconds since 1970. */
export function digestsSince(history: readonly TagChange[], since: number): readonly string[] {
  const ended = (index: number): number => history[index - 1]?.at ?? Infinity;
  return history
    .filter(({ deleted }, index) => deleted === undefined && ended(index) > since)
    .map(({ digest }) => digest);
}

function identityOf({ digest, at, deleted }: TagChange): string {
  return `${at} ${digest} ${deleted ?? ''}`;
}

function isTagChange(value: unknown): value is TagChange {
  if (!isObject(value)) return false;
  const { digest, at, deleted } = value;
  if (typeof digest !== 'string' || !isDigest(digest) || !isCount(at)) return false;
  return deleted === undefined || deleted === 'tag' || deleted === 'manifest';
}
