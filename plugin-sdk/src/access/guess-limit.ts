import { isIPv6 } from 'node:net';

/** The most keys that are counted at once; of more, the one that was begun first is forgotten. */
const MAX_KEYS = 20_000;

interface Count {
  guesses: number;
  readonly end: number;
}

/** How many wrong guesses each key has left, in windows that begin with the first one. */
export class GuessLimit {
  readonly #guesses: number;
  readonly #milliseconds: number;
  readonly #now: () => number;
  readonly #counts = new Map<string, Count>();

  /** `guesses` 0 is no limit. */
  constructor(guesses: number, milliseconds: number, now: () => number) {
    this.#guesses = guesses;
    this.#milliseconds = milliseconds;
    this.#now = now;
  }

  /**
   * Takes a guess before it is known to be wrong, so that many at once are not more than one after the other.
   * Gives the milliseconds until there are guesses again, when there are none.
   */
  take(key: string): number | undefined {
    if (this.#guesses === 0) return undefined;
    const now = this.#now();
    let count = this.#counts.get(key);
    if (count === undefined || count.end <= now) {
      this.#counts.delete(key);
      this.#makeRoom();
      count = { guesses: 0, end: now + this.#milliseconds };
      this.#counts.set(key, count);
    }
    if (count.guesses >= this.#guesses) return count.end - now;
    count.guesses += 1;
    return undefined;
  }

  /** The guess was none: it was right, or nobody looked at it. */
  giveBack(key: string): void {
    const count = this.#counts.get(key);
    if (count !== undefined && count.guesses > 0) count.guesses -= 1;
  }

  #makeRoom(): void {
    if (this.#counts.size < MAX_KEYS) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      return;
    }
  }
}

/** Whose address it is: an IPv4 address itself, and of an IPv6 one the /64, which is what one customer gets. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return `${[...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
