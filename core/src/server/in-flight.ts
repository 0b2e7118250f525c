import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { withinTime } from '../time-limit.ts';

/** The requests that are being answered. */
export class InFlight {
  readonly #responses = new Set<ServerResponse>();
  #draining = false;
  #becameEmpty: (() => void) | undefined;

  get size(): number {
    return this.#responses.size;
  }

  add(response: ServerResponse): void {
    this.#responses.add(response);
    if (this.#draining) response.shouldKeepAlive = false;
    response.once('close', () => {
      this.#responses.delete(response);
      if (this.#responses.size === 0) this.#becameEmpty?.();
    });
  }

  /** The answer under way on a connection, if any. */
  on(socket: Duplex): ServerResponse | undefined {
    for (const response of this.#responses) if (response.req.socket === socket) return response;
    return undefined;
  }

  /** Waits until all are answered, at most so long. From now on answers carry `Connection: close`. */
  async drain(milliseconds: number): Promise<void> {
    this.#draining = true;
    if (this.#responses.size === 0) return;
    for (const response of this.#responses) response.shouldKeepAlive = false;
    const empty = new Promise<void>((resolve) => {
      this.#becameEmpty = resolve;
    });
    await withinTime(milliseconds, empty).catch(() => undefined);
  }

  /** Cuts the connections of those that are left. */
  cut(): void {
    for (const response of this.#responses) response.destroy();
  }
}
