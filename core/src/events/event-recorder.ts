import { randomUUID } from 'node:crypto';
import {
  isRegistryError,
  isStorageError,
  RegistryError,
  type Hooks,
  type RegistryEvent,
} from '@entrepot/plugin-sdk';
import type { RequestContext } from '../http/request-context.ts';
import { withinTime } from '../time-limit.ts';

/** What a handler says of what it has done; the recorder adds who asked and when. */
export type Happening = Pick<
  RegistryEvent,
  'action' | 'repository' | 'target' | 'kind' | 'tag' | 'previousDigest' | 'platforms' | 'fromRepository'
>;

/** How long `record` taps may take, in milliseconds: as long as any call of storage. */
const RECORD_LIMIT = 60_000;
/** Characters of a header that an event repeats. */
const MAX_HEADER = 512;

const none: readonly RegistryEvent[] = [];

/** Makes events of what handlers have done, and has changes written down before their client is answered. */
export class EventRecorder {
  readonly #hooks: Hooks;

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
  }

  /** The events of what has happened; none when nobody listens. */
  tell(context: RequestContext, happenings: readonly Happening[]): readonly RegistryEvent[] {
    if (!this.#hooks.event.isUsed() && !this.#hooks.record.isUsed()) return none;
    const { requestId, method, address, identity } = context;
    const userAgent = context.header('user-agent')?.slice(0, MAX_HEADER);
    const host = context.header('host')?.slice(0, MAX_HEADER);
    const time = new Date().toISOString();
    return happenings.map((happening) => ({
      ...happening,
      id: randomUUID(),
      time,
      requestId,
      method,
      address,
      ...(identity === undefined ? {} : { actor: identity.subject }),
      ...(userAgent === undefined ? {} : { userAgent }),
      ...(host === undefined ? {} : { host }),
    }));
  }

  /**
   * The events of a change that has been made, once the `record` taps have written them down: to be awaited before the
   * client is answered. A crash before that leaves a change that nobody has been promised, and that nobody is told of
   * until the client repeats it.
   * @throws RegistryError or StorageError that the taps throw; `UNAVAILABLE` for whatever else goes wrong.
   */
  async record(context: RequestContext, happenings: readonly Happening[]): Promise<readonly RegistryEvent[]> {
    const events = this.tell(context, happenings);
    if (events.length === 0 || !this.#hooks.record.isUsed()) return events;
    try {
      await withinTime(RECORD_LIMIT, this.#hooks.record.promise(events));
    } catch (error) {
      if (isRegistryError(error) || isStorageError(error)) throw error;
      const message = 'the change has been made, but its event could not be written down; try again';
      throw new RegistryError('UNAVAILABLE', message, { cause: error });
    }
    return events;
  }
}
