/** What of `stat` changes whenever content does. */
export interface Traces {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/**
 * How long a file or directory has to have been left alone before its stamp can vouch for it, in milliseconds. Kernels
 * take times from a clock that may stand still for a tick of 10 ms; 50 ms leave room for clocks that are set.
 */
const MARGIN = 50;
/** The same, in file systems that keep whole seconds, or pairs of them. */
const COARSE_MARGIN = 2_500;

/**
 * What `stat` tells of a file or directory at one moment. When all of it is the same later on, nothing has changed,
 * with one exception, which git calls racy: a change in the same tick of the file system's clock leaves no trace.
 * A stamp that was nearly as young as the clock when it was taken therefore vouches for nothing.
 */
export class Stamp {
  readonly #ino: number;
  readonly #size: number;
  readonly #mtime: number;
  readonly #ctime: number;
  readonly #settled: boolean;

  /** `now` is the time in milliseconds, taken before the content was read. */
  constructor({ ino, size, mtimeMs, ctimeMs }: Traces, now: number) {
    this.#ino = ino;
    this.#size = size;
    this.#mtime = mtimeMs;
    this.#ctime = ctimeMs;
    const newest = Math.max(mtimeMs, ctimeMs);
    this.#settled = newest + (newest % 1000 === 0 ? COARSE_MARGIN : MARGIN) < now;
  }

  /** Whether what had this stamp is certainly unchanged, now that `stat` tells this. */
  vouches({ ino, size, mtimeMs, ctimeMs }: Traces): boolean {
    return (
      this.#settled &&
      this.#ctime === ctimeMs &&
      this.#mtime === mtimeMs &&
      this.#size === size &&
      this.#ino === ino
    );
  }
}
