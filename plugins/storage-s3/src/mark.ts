import { randomBytes } from 'node:crypto';

/**
 * What this driver writes beside each object (as metadata): who wrote it, and whether it is there at all.
 *
 * The id tells a writer whose answer was lost whether its object is the one that is there. A tombstone stands for an
 * object that has been deleted, see Tombstones.
 */
export interface Mark {
  /** Unlike any other; empty for an object that something else has put into the bucket. */
  readonly id: string;
  readonly tombstone: boolean;
}

const ID = 'entrepot-id';
const TOMBSTONE = 'entrepot-tombstone';

export function newMark({ tombstone = false } = {}): Mark {
  return { id: randomBytes(12).toString('base64url'), tombstone };
}

/** A mark as user-defined metadata, whose names arrive in lower case. */
export function writeMark({ id, tombstone }: Mark): Record<string, string> {
  return { [ID]: id, ...(tombstone ? { [TOMBSTONE]: 'yes' } : {}) };
}

export function readMark(metadata: Readonly<Record<string, string>> | undefined): Mark {
  return { id: metadata?.[ID] ?? '', tombstone: metadata?.[TOMBSTONE] === 'yes' };
}
