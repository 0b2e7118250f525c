import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { dockerEnvelope, dockerEventsType } from './docker-envelope.ts';
import type { SinkEvent } from './sink-event.ts';
import type { EventFormat } from './sink-options.ts';

export const eventFormats: readonly EventFormat[] = ['docker', 'cloudevents', 'plain'];

/** Where events come from. */
export interface EventOrigin {
  /** Where clients reach the registry: `https://registry.example.com`. */
  readonly registryUrl: string | undefined;
  /** This machine. */
  readonly address: string;
  /** A UUID of this process. */
  readonly instance: string;
}

export interface SpelledEvent {
  readonly contentType: string;
  readonly body: string;
}

/** Spells events in one format. */
export type Speller = (event: SinkEvent) => SpelledEvent;

const address = hostname();
const instance = randomUUID();

export function spell(format: EventFormat, registryUrl?: string): Speller {
  const origin = { registryUrl: registryUrl?.replace(/\/$/, ''), address, instance };
  switch (format) {
    case 'docker':
      return (event) => ({ contentType: dockerEventsType, body: dockerEnvelope(event, origin) });
    case 'cloudevents':
      return (event) => ({
        contentType: 'application/cloudevents+json; charset=UTF-8',
        body: JSON.stringify(cloudEvent(event, origin)),
      });
    case 'plain':
      return (event) => ({ contentType: 'application/json', body: JSON.stringify(event) });
  }
}

/** Structured mode of CloudEvents 1.0 (JSON event format). */
function cloudEvent(event: SinkEvent, origin: EventOrigin): object {
  return {
    specversion: '1.0',
    id: event.id,
    source: origin.registryUrl ?? `urn:entrepot:${origin.address}`,
    type: `entrepot.registry.${event.action}`,
    ...(event.kind === 'access' ? {} : { subject: subjectOf(event) }),
    time: event.time,
    datacontenttype: 'application/json',
    data: event,
  };
}

function subjectOf({ repository, tag, target }: Exclude<SinkEvent, { readonly kind: 'access' }>): string {
  return tag === undefined ? `${repository}@${target.digest}` : `${repository}:${tag}`;
}
