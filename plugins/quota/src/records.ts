import type { Used } from './limits.ts';

/** Where the plugin keeps what its processes tell each other. All of it can be counted anew. */
export const places = {
  count: 'quota/count',
  additions: 'quota/additions/',
  additionsOf: (process: string) => `quota/additions/${process}`,
} as const;

/** What all content took at a moment. */
export interface Count {
  /** When counting began; milliseconds since 1970. */
  readonly at: number;
  readonly used: Used;
  /** When somebody has begun to count anew; milliseconds since 1970. */
  readonly counting?: number;
}

/** What one process has accepted, in pieces of a few seconds. */
export type Additions = readonly { readonly at: number; readonly used: Used }[];

/** `undefined` for what makes no sense: it is as if there were no such record, and the next count mends it. */
export function readCount(bytes: Uint8Array): Count | undefined {
  const { at, used, counting } = objectIn(bytes);
  const known = usedIn(used);
  if (!isCount(at) || known === undefined) return undefined;
  return { at, used: known, ...(isCount(counting) ? { counting } : {}) };
}

export function readAdditions(bytes: Uint8Array): Additions {
  const { additions } = objectIn(bytes);
  if (!Array.isArray(additions)) return [];
  return additions.flatMap((each: unknown) => {
    const { at, used } = isObject(each) ? each : {};
    const known = usedIn(used);
    return isCount(at) && known !== undefined ? [{ at, used: known }] : [];
  });
}

/** With a nonce: no two versions of an object may be the same bytes. */
export function encode(record: object, nonce: string): Uint8Array {
  return Buffer.from(JSON.stringify({ ...record, nonce }));
}

/** The sum of what was added after `since`. */
export function addedSince(additions: Additions, since: number): Used {
  let sum: Used = {};
  for (const { at, used } of additions) if (at >= since) sum = sumOf(sum, used);
  return sum;
}

export function sumOf(one: Used, other: Used): Used {
  const sum = { ...one };
  for (const [name, bytes] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + bytes;
  return sum;
}

function objectIn(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isObject(json) ? json : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function usedIn(value: unknown): Used | undefined {
  if (!isObject(value)) return undefined;
  const used: Record<string, number> = {};
  for (const [name, bytes] of Object.entries(value)) {
    if (!isCount(bytes)) return undefined;
    used[name] = bytes;
  }
  return used;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
