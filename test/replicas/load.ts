import { setTimeout as pause } from 'node:timers/promises';
import { image, pull, push, type Image } from './pushed-image.ts';

/** How often a client tries an operation before it fails. */
const attempts = 5;

/** Clients that push images and pull them again, through one address. */
export class Load {
  readonly #url: string;
  /** Images whose push has been acknowledged to its end. */
  readonly acknowledged: Image[] = [];
  /** Operations of clients, and how many of them had to be tried again. */
  operations = 0;
  retries = 0;
  #next = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Pushes `count` more images, all at once, then pulls each. @throws Error when a client fails after its retries. */
  async pushAtOnce(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#pushNext()));
  }

  /**
   * Four clients push and pull one image after the other until `event` is over, at least `count` in all. The event
   * begins when each of them is at its second.
   * @throws Error when a client fails after its retries, or the event does.
   */
  async during(event: () => Promise<void>, count: number): Promise<void> {
    const begun = this.acknowledged.length;
    const warm = Promise.withResolvers<undefined>();
    let isOver = false;
    let first = 4;
    const client = async (): Promise<void> => {
      await this.#pushNext();
      first -= 1;
      if (first === 0) warm.resolve(undefined);
      while (!isOver || this.acknowledged.length - begun < count) await this.#pushNext();
    };
    const clients = Promise.all([client(), client(), client(), client()]);
    await Promise.race([warm.promise, clients]);
    try {
      await event();
    } finally {
      isOver = true;
      await clients;
    }
  }

  /** Pulls all that has been acknowledged from one registry, eight images at once. @throws Error when any of it is not there. */
  async pullAll(url: string): Promise<void> {
    const left = this.acknowledged.values();
    const client = async (): Promise<void> => {
      for (const pushed of left) await pull(url, pushed);
    };
    await Promise.all(Array.from({ length: 8 }, client));
  }

  async #pushNext(): Promise<void> {
    const next = image(this.#next++);
    await push(this.#url, next, (operation) => this.#attempt(operation));
    this.acknowledged.push(next);
    await this.#attempt(() => pull(this.#url, next));
  }

  /** Repeats an operation from its beginning, after a short pause, as registry clients do. */
  async #attempt(operation: () => Promise<unknown>): Promise<void> {
    this.operations += 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await operation();
        return;
      } catch (error) {
        if (attempt === attempts) throw error;
        this.retries += 1;
        await pause(100 * attempt);
      }
    }
  }
}
