/**
 * Settles as `work` does, or rejects once `milliseconds` have passed. What `work` does later harms nobody, and no
 * timer is left behind.
 */
export async function withinTime<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `work` has come to its end, at most so many milliseconds. What comes of it, its owner knows. */
export async function waitAtMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([withinTime(milliseconds, work)]);
}
