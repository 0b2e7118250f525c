import { randomUUID } from 'node:crypto';
import type { Hooks, Logger, RegistryEvent } from '@entrepot/plugin-sdk';
import type { RequestContext } from '../http/request-context.ts';
import { waitAtMost } from '../time-limit.ts';

/** What a handler says of what it has done; the bus adds who asked and when. */
export type Happening = Pick<
  RegistryEvent,
  'action' | 'repository' | 'target' | 'kind' | 'tag' | 'previousDigest' | 'fromRepository'
>;

/** Events that may wait for their taps. More are dropped and counted in the log: a slow sink must not fill memory. */
const CAPACITY = 10_000;
/** Events that taps work on at once. */
const AT_ONCE = 16;

/** Hands events to the `event` taps once the client has been answered. Nobody waits for a tap. */
export class EventBus {
  readonly #hooks: Hooks;
  readonly #log: Logger;
  readonly #waiting: RegistryEvent[] = [];
  #working = 0;
  #dropped = 0;
  #becameIdle: (() => void) | undefined;

  constructor(hooks: Hooks, log: Logger) {
    this.#hooks = hooks;
    this.#log = log;
  }

  /** Whether anybody listens. */
  get isUsed(): boolean {
    return this.#hooks.event.isUsed();
  }

  publish(context: RequestContext, happenings: readonly Happening[]): void {
    const { requestId, method, address, identity } = context;
    const userAgent = context.header('user-agent');
    for (const happening of happenings) {
      if (this.#waiting.length >= CAPACITY) {
        this.#dropped += 1;
        continue;
      }
      this.#waiting.push({
        ...happening,
        id: randomUUID(),
        time: new Date().toISOString(),
        requestId,
        method,
        address,
        ...(identity === undefined ? {} : { actor: identity.subject }),
        ...(userAgent === undefined ? {} : { userAgent }),
      });
    }
    while (this.#working < AT_ONCE && this.#waiting.length > 0) void this.#work();
  }

  /** Waits until the taps are done with all events, at most so long. What is left then is dropped, and counted in the log. */
  async drain(milliseconds: number): Promise<void> {
    if (this.#working === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#becameIdle = resolve;
    });
    await waitAtMost(milliseconds, idle);
    const waiting = this.#waiting.splice(0).length;
    if (this.#working === 0) return;
    this.#log.warn(
      { dropped: waiting, unfinished: this.#working },
      'the registry stops before the taps are done with its events: they are too slow',
    );
  }

  async #work(): Promise<void> {
    this.#working += 1;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      try {
        await this.#hooks.event.promise(event);
      } catch (error) {
        this.#log.error({ err: error, event: event.id, action: event.action }, 'an event tap failed');
      }
    }
    this.#working -= 1;
    if (this.#dropped > 0) {
      this.#log.warn({ dropped: this.#dropped }, 'events were dropped: their taps are too slow');
      this.#dropped = 0;
    }
    if (this.#working === 0) this.#becameIdle?.();
  }
}
