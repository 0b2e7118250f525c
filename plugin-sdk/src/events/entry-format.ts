import { randomBytes } from 'node:crypto';
import type { DeadLetter, Entry } from './event-queue.ts';
import { sinkActions, type SinkEvent } from './sink-event.ts';

/** The nonce makes two entries of equal content differ in bytes, as the storage contract asks of who writes. */
export function encodeEntry(events: readonly SinkEvent[]): Uint8Array {
  return Buffer.from(JSON.stringify({ events, nonce: nonce() }));
}

export function encodeLetter(letter: DeadLetter): Uint8Array {
  return Buffer.from(JSON.stringify({ ...letter, nonce: nonce() }));
}

export function decodeEntry(bytes: Uint8Array): Entry {
  const events = membersOf(bytes)['events'];
  if (!Array.isArray(events) || !events.every(isSinkEvent))
    return { damaged: Buffer.from(bytes).toString('base64') };
  return { events };
}

/** `undefined` when the letter is damaged. */
export function decodeLetter(bytes: Uint8Array): DeadLetter | undefined {
  const { event, reason, attempts, since } = membersOf(bytes);
  if (!isSinkEvent(event) || typeof reason !== 'string') return undefined;
  return {
    event,
    reason,
    attempts: typeof attempts === 'number' ? attempts : 0,
    since: typeof since === 'string' ? since : '',
  };
}

function membersOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** What this registry, or another version of it, has written: enough of it to be delivered. */
function isSinkEvent(value: unknown): value is SinkEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, action }: Readonly<Record<string, unknown>> = { ...value };
  return typeof id === 'string' && sinkActions.some((known) => known === action);
}

function nonce(): string {
  return randomBytes(9).toString('base64url');
}
