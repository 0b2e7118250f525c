import type { Clock } from '@entrepot/plugin-sdk/events';

/** A clock that stands until it is set forward. What is due then happens in its order. */
export class HandClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  readonly #due = new Set<{ readonly at: number; readonly work: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, work: () => void): () => void {
    const due = { at: this.#now + milliseconds, work };
    this.#due.add(due);
    return () => void this.#due.delete(due);
  }

  /** Sets it forward to the next thing that is due. Whether there is any. */
  next(): boolean {
    const [first] = [...this.#due].sort((one, other) => one.at - other.at);
    if (first === undefined) return false;
    this.#due.delete(first);
    this.#now = Math.max(this.#now, first.at);
    first.work();
    return true;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
