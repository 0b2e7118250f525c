import { createHash } from 'node:crypto';
import type { RegistryEvent, StorageDriver } from '@entrepot/plugin-sdk';
import {
  Delivery,
  DeliveryError,
  Outbox,
  OutboxArchive,
  type Clock,
  type DeliveryLimits,
} from '@entrepot/plugin-sdk/events';
import type { Scene } from './explore.ts';
import type { Stage } from './stage.ts';
import { stoppedClock } from './stopped-clock.ts';

const SINK = 'sink';
/** More than the time for which a lease is respected that nobody renews. */
const LONG = 11_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const limits: DeliveryLimits = { attempts: 2, firstDelay: 1, maxDelay: 1, maxAge: 1, timeout: 60_000 };

/** Nothing happens later by itself: whoever wants something to go on says so. */
const clock: Clock = { now: () => Date.now(), after: () => () => undefined };

/** How a process keeps events: as it does, or without one of the safeguards. */
export type OpenOutbox = (driver: StorageDriver) => Outbox;

export const openOutbox: OpenOutbox = (driver) =>
  new Outbox(driver, SINK, { maxBytes: 1_000_000, keepFor: 0, log: quiet, now: () => Date.now() });

/** Ids of the events the receiver of a stage has taken. */
const received = new WeakMap<Stage, string[]>();

function takenOn(stage: Stage): string[] {
  const taken = received.get(stage) ?? [];
  received.set(stage, taken);
  return taken;
}

export interface OutboxCase {
  /** Events that wait from the start. */
  readonly waiting?: readonly RegistryEvent[];
  /** Requests that have made a change: each by its event, which is written down before the request is answered. */
  readonly requests?: Readonly<Record<string, RegistryEvent>>;
  /** Processes that deliver. */
  readonly deliverers: readonly string[];
  /** Ids of events that the receiver rejects. */
  readonly rejected?: readonly string[];
  readonly open?: OpenOutbox;
}

/**
 * Requests whose events are written down, and processes that deliver them. Whatever the order, and whoever dies: what has
 * been acknowledged has been received, or is a dead letter; nothing comes out of order; and as long as nobody dies
 * nothing comes twice.
 */
export function outboxScene(scene: OutboxCase): Scene {
  const { waiting = [], requests = {}, deliverers, rejected = [], open = openOutbox } = scene;
  const known = [...waiting, ...Object.values(requests)];
  return {
    setup: async (stage) => {
      const outbox = open(stage.driver());
      for (const event of waiting) await outbox.append([event]);
    },
    actors: (stage) => {
      // Names of entries sort by time: of the same millisecond chance decides, unless one process has made them.
      stoppedClock.pass(1);
      const outbox = open(stage.driver());
      const asking = Object.entries(requests).map(([name, event]) => {
        return [
          name,
          async () => ((await outbox.append([event])) === undefined ? 'full' : 'acknowledged'),
        ] as const;
      });
      const delivering = deliverers.map((name) => {
        const delivery = deliveryOn(stage, open(stage.driver()), rejected);
        return [name, () => deliverAll(delivery, known)] as const;
      });
      return Object.fromEntries([...asking, ...delivering]);
    },
    check: async (stage) => {
      const anybodyDied = stage.actors.some(({ outcome }) => outcome.end === 'death');
      const taken = takenOn(stage);
      const twice = taken.find((id, index) => taken.indexOf(id) !== index);
      if (twice !== undefined && !anybodyDied) throw new Error(`${twice} has come twice`);
      const letters = await deliverTheRest(stage, open, rejected, known);
      const acknowledged = known.filter(
        (event) =>
          waiting.includes(event) ||
          stage.actors.some(
            ({ name, outcome }) =>
              requests[name] === event && outcome.end === 'answer' && outcome.answer === 'acknowledged',
          ),
      );
      for (const { id } of acknowledged) {
        const place = rejected.includes(id) ? letters : taken;
        if (!place.includes(id)) throw new Error(`${id} has been acknowledged and is lost`);
      }
      const firsts = waiting.map(({ id }) => taken.indexOf(id)).filter((place) => place !== -1);
      if (firsts.some((place, index) => place < (firsts[index - 1] ?? -1)))
        throw new Error('the order is not kept');
    },
  };
}

function deliveryOn(stage: Stage, outbox: Outbox, rejected: readonly string[]): Delivery {
  const deliver = ({ id }: { readonly id: string }): Promise<void> =>
    stage.step(`deliver ${id}`, async () => {
      if (rejected.includes(id)) throw new DeliveryError('rejected', 'no');
      takenOn(stage).push(id);
    });
  return new Delivery(outbox, deliver, { limits, log: quiet, clock });
}

async function deliverAll(delivery: Delivery, events: readonly RegistryEvent[]): Promise<string> {
  for (const lane of lanesOf(events)) delivery.wake(lane);
  await delivery.settled();
  return 'done';
}

/** As the processes do that go on. Gives the ids of the dead letters. */
async function deliverTheRest(
  stage: Stage,
  open: OpenOutbox,
  rejected: readonly string[],
  known: readonly RegistryEvent[],
): Promise<string[]> {
  const driver = stage.driver();
  const outbox = open(driver);
  const delivery = deliveryOn(stage, outbox, rejected);
  await deliverAll(delivery, known);
  stoppedClock.pass(LONG);
  await deliverAll(delivery, known);
  if ((await outbox.survey()).size > 0) throw new Error('something is left in the queue');
  const letters: string[] = [];
  for await (const { event } of new OutboxArchive(driver, SINK, outbox).letters()) letters.push(event.id);
  return letters;
}

/** A lane is named by the first digit of the hash of its repositories. */
function lanesOf(events: readonly RegistryEvent[]): ReadonlySet<string> {
  return new Set(
    events.map(({ repository }) => createHash('sha256').update(repository).digest('hex').slice(0, 1)),
  );
}
