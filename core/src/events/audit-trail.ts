import { randomUUID } from 'node:crypto';
import type { AuditEvent, AuditReport, Hooks, Logger } from '@entrepot/plugin-sdk';
import { TapQueue } from './tap-queue.ts';

/** Few, as anybody can cause them: a flood of wrong passwords is dropped beyond, and counted in the log. */
const CAPACITY = 1000;
const AT_ONCE = 4;

/** Hands what concerns access to the `audit` taps. No request waits for them, and nothing is written here. */
export class AuditTrail {
  readonly #hooks: Hooks;
  readonly #queue: TapQueue<AuditEvent>;

  constructor(hooks: Hooks, log: Logger) {
    this.#hooks = hooks;
    this.#queue = new TapQueue({
      what: 'audit events',
      capacity: CAPACITY,
      atOnce: AT_ONCE,
      show: (event) => hooks.audit.promise(event),
      log,
    });
  }

  /** Whether anybody listens. */
  get isUsed(): boolean {
    return this.#hooks.audit.isUsed();
  }

  report(report: AuditReport): void {
    if (!this.isUsed) return;
    this.#queue.add([{ ...report, id: randomUUID(), time: new Date().toISOString(), kind: 'access' }]);
  }

  /** Waits until the taps are done with all that was reported, at most so long. */
  drain(milliseconds: number): Promise<void> {
    return this.#queue.drain(milliseconds);
  }
}
