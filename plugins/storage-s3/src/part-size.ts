const MiB = 1024 * 1024;

/** What S3 allows ("Amazon S3 multipart upload limits"). */
export const limits = { parts: 10_000, smallestPart: 5 * MiB, largestPart: 5 * 1024 * MiB } as const;

/**
 * How many parts of the smallest size an object begins with, and how slowly parts grow from then on. With parts of at
 * least 5 MiB it makes the 10,000 parts of an upload hold 5 TiB, the largest object there is (a test counts).
 */
const EVENNESS = 1200;

/**
 * How long the part at `offset` has to be, in bytes: `smallest` at first, later a 1200th of what has been uploaded, in
 * whole MiB. It depends on nothing else, so that every process gives the same answer.
 */
export function partSizeAt(offset: number, smallest: number): number {
  return Math.max(smallest, Math.ceil(offset / EVENNESS / MiB) * MiB);
}
