import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { waitAtMost } from '../time-limit.ts';

/** The requests that are being answered. */
export class InFlight {
  readonly #responses = new Set<ServerResponse>();
  #closing = false;
  #becameEmpty: (() => void) | undefined;

  get size(): number {
    return this.#responses.size;
  }

  add(response: ServerResponse): void {
    this.#responses.add(response);
    if (this.#closing) response.shouldKeepAlive = false;
    response.once('close', () => {
      this.#responses.delete(response);
      if (this.#responses.size === 0) this.#becameEmpty?.();
    });
  }

  /** The answers under way on a connection, in the order of their requests: several if those came faster. */
  on(socket: Duplex): ServerResponse[] {
    return [...this.#responses].filter((response) => response.req.socket === socket);
  }

  /** Settles when those that are being answered now have been; more may have come by then. */
  async present(): Promise<void> {
    const closes = [...this.#responses].map(
      (response) => new Promise<void>((resolve) => response.once('close', resolve)),
    );
    await Promise.all(closes);
  }

  /** From now on answers carry `Connection: close`. */
  closeConnections(): void {
    this.#closing = true;
    for (const response of this.#responses) response.shouldKeepAlive = false;
  }

  /** Waits until all are answered, at most so long. */
  async drain(milliseconds: number): Promise<void> {
    if (this.#responses.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#becameEmpty = resolve;
    });
    await waitAtMost(milliseconds, empty);
  }

  /** Cuts the connections of those that are left. */
  cut(): void {
    for (const response of this.#responses) response.destroy();
  }
}
