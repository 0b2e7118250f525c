import type { Worker } from 'node:cluster';
import { messageIn, type WorkerMessage } from './worker-messages.ts';

/** How long it is known who has asked, in milliseconds: longer than anybody waits for answers. */
const MEMORY = 5000;

/** Passes on what workers ask each other. For the primary: they have no way of their own. */
export class Relay {
  readonly #workers = new Set<Worker>();
  readonly #asking = new Map<string, Worker>();

  add(worker: Worker): void {
    this.#workers.add(worker);
    worker.on('message', (received: unknown) => this.#take(worker, received));
    worker.once('exit', () => this.#workers.delete(worker));
  }

  #take(from: Worker, received: unknown): void {
    const message = messageIn(received);
    if (message?.entrepot === 'answer') {
      const asker = this.#asking.get(message.id);
      if (asker !== undefined) tell(asker, message);
    } else if (message?.entrepot === 'ask') {
      const others = [...this.#workers].filter((worker) => worker !== from && worker.isConnected());
      this.#asking.set(message.id, from);
      setTimeout(() => this.#asking.delete(message.id), MEMORY).unref();
      tell(from, { entrepot: 'asking', id: message.id, count: others.length });
      for (const other of others) tell(other, message);
    }
  }
}

/** Says something to a worker, if it is still there: one that has just ended hears nothing, and its end is noticed elsewhere. */
export function tell(worker: Worker, message: WorkerMessage): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
