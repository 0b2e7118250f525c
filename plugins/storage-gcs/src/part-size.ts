const MiB = 1024 * 1024;

/** Bytes of the largest object ("Quotas & limits"). */
export const largestObject = 5 * 1024 ** 4;

/** How many parts of the smallest size an object begins with, and how slowly parts grow from then on. */
const EVENNESS = 1200;

/**
 * How long the part at `offset` has to be, in bytes: `smallest` at first, later a 1200th of what has been uploaded, in
 * whole MiB. It depends on nothing else, so that every process gives the same answer. The number of parts is not bounded
 * by Google; but each is written, put together and deleted, so that thousands are better than more (a test counts).
 */
export function partSizeAt(offset: number, smallest: number): number {
  return Math.max(smallest, Math.ceil(offset / EVENNESS / MiB) * MiB);
}
