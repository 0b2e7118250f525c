import type { SinkEvent } from './sink-event.ts';

/** Events that wait to be delivered, in entries: what one request has done is one entry. */
export interface EventQueue {
  /** Names of entries of a lane behind `after`, in their order. */
  page(lane: string, after: string): Promise<EntryPage>;
  /** `undefined` when it is there no more: somebody else has delivered it. */
  read(lane: string, name: string): Promise<Entry | undefined>;
  /** All its events have been set aside, or are these, which have been delivered. */
  remove(lane: string, name: string, delivered: readonly SinkEvent[]): Promise<void>;
  /** Takes note of an event that was given up. */
  setAside(name: string, index: number, letter: DeadLetter): Promise<void>;
  /** The right to deliver from a lane; `undefined` while somebody else has it. */
  take(lane: string): Promise<HeldLane | undefined>;
}

export interface EntryPage {
  readonly names: readonly string[];
  readonly more: boolean;
}

/** The events of an entry, or what is there instead. */
export type Entry = { readonly events: readonly SinkEvent[] } | { readonly damaged: string };

/** An event that was given up, and why. */
export interface DeadLetter {
  readonly event: SinkEvent;
  readonly reason: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly since: string;
}

/** The right to deliver from a lane. It spares work: whoever delivers without it repeats what another delivers. */
export interface HeldLane {
  /** Whether somebody else may think that nobody has it. */
  readonly isLost: boolean;
  release(): Promise<void>;
}
