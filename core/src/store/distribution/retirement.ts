import { keys } from '../keys.ts';
import { isCount, jsonFormat, type RecordFormat } from '../records.ts';

/** That the other registry is gone for good, so that what was taken over where it is belongs to nobody else. */
export interface Retirement {
  /** Milliseconds since 1970. */
  readonly since: number;
}

export const retirementFormat: RecordFormat<Retirement> = jsonFormat(({ since }) =>
  isCount(since) ? { since } : undefined,
);

/** What can read and write small objects. */
interface SmallObjects {
  read(key: string): Promise<{ readonly bytes: Uint8Array } | undefined>;
  write(key: string, bytes: Uint8Array, options?: { readonly ifAbsent: boolean }): Promise<unknown>;
}

/** When the other registry was declared gone; `undefined` when it was not, or when that cannot be understood. */
export async function retiredSince(storage: Pick<SmallObjects, 'read'>): Promise<number | undefined> {
  const object = await storage.read(keys.retirement);
  return object === undefined ? undefined : retirementFormat.decode(object.bytes)?.since;
}

/** Declares the other registry gone. Nothing more is taken over from it then. */
export async function retire(storage: SmallObjects): Promise<void> {
  await storage.write(keys.retirement, retirementFormat.encode({ since: Date.now() }));
}

/** @throws Error when the other registry has been declared gone. */
export async function assertServing(storage: Pick<SmallObjects, 'read'>): Promise<void> {
  const since = await retiredSince(storage);
  if (since === undefined) return;
  const day = new Date(since).toISOString().slice(0, 10);
  throw new Error(
    `the other registry was declared gone for good on ${day}; use 'registry copy' for what is to come from there or go there`,
  );
}
