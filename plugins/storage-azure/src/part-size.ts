const MiB = 1024 * 1024;

/** What Azure allows ("Scalability and performance targets for Blob storage"). */
export const limits = { blocks: 50_000, largestBlock: 4000 * MiB } as const;

/**
 * How many parts of the smallest size an object begins with, and how slowly parts grow from then on. With parts of at
 * least 8 MiB it makes the 50,000 blocks of a blob hold more than 12 TiB (a test counts).
 */
const EVENNESS = 8000;

/**
 * How long the part at `offset` has to be, in bytes: `smallest` at first, later an 8000th of what has been uploaded, in
 * whole MiB. It depends on nothing else, so that every process gives the same answer.
 */
export function partSizeAt(offset: number, smallest: number): number {
  const grown = Math.ceil(offset / EVENNESS / MiB) * MiB;
  return Math.max(smallest, Math.min(grown, limits.largestBlock));
}
