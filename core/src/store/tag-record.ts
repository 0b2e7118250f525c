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

/** What a tag pointed at, since when, and who set it. */
export interface TagChange {
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly actor?: string;
}

export interface TagRecord extends TagTarget {
  /** The newest first; the first is the present. */
  readonly history: readonly TagChange[];
}

/** Changes a tag remembers. */
const HISTORY = 100;

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
    history: [{ ...change, digest }, ...(current?.history ?? past)].slice(0, HISTORY),
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
  const history = parseObject(bytes.subarray(bytes.indexOf(0x0a) + 1))?.['history'];
  return Array.isArray(history) ? history.filter(isTagChange) : [];
}

function isTagChange(value: unknown): value is TagChange {
  const digest = isObject(value) ? value['digest'] : undefined;
  return isObject(value) && typeof digest === 'string' && isDigest(digest) && isCount(value['at']);
}
