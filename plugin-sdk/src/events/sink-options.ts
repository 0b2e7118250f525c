import type { JSONSchemaType } from '../options.ts';
import { sinkActions, type SinkAction } from './sink-event.ts';

/** How an event is spelled: docker's envelope, CloudEvents 1.0, or the event itself. */
export type EventFormat = 'docker' | 'cloudevents' | 'plain';

/** What every sink can be told; a plugin adds where its receiver is. */
export interface SinkOptions {
  readonly delivery: 'atLeastOnce' | 'bestEffort';
  readonly actions: readonly SinkAction[];
  readonly repositories: readonly string[];
  readonly mediaTypes: readonly string[];
  readonly pullSample: number;
  readonly maxBytes: number;
  readonly keepHours: number;
  readonly attempts: number;
  readonly retrySeconds: number;
  readonly maxRetrySeconds: number;
  readonly maxAgeHours: number;
  readonly timeoutSeconds: number;
}

export const sinkOptionNames = [
  'delivery',
  'actions',
  'repositories',
  'mediaTypes',
  'pullSample',
  'maxBytes',
  'keepHours',
  'attempts',
  'retrySeconds',
  'maxRetrySeconds',
  'maxAgeHours',
  'timeoutSeconds',
] as const satisfies readonly (keyof SinkOptions)[];

type Properties = JSONSchemaType<SinkOptions>['properties'];

/** The schema of {@link SinkOptions}, for a plugin to put among its own properties. */
export const sinkProperties = {
  delivery: {
    type: 'string',
    enum: ['atLeastOnce', 'bestEffort'],
    default: 'bestEffort',
    description:
      'Whether changes are durable before their request is answered (`atLeastOnce`, a write to storage for each), or wait in memory. Pulls, logins and denials always wait in memory.',
  },
  actions: {
    type: 'array',
    items: { type: 'string', enum: [...sinkActions] },
    minItems: 1,
    default: ['push', 'mount', 'delete', 'tag'],
    description:
      'What is told: `push`, `pull`, `mount`, `delete`, `tag`, and of access `login`, `denial`, `key`.',
  },
  repositories: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: [],
    description:
      'Repositories whose events are told; all when empty. `*` is any characters within a path component, `**` one or more components.',
  },
  mediaTypes: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: [],
    description:
      'Media types whose events are told; all when empty. That of blobs is `application/octet-stream`.',
  },
  pullSample: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    default: 1,
    description: 'The share of pulls that is told.',
  },
  maxBytes: {
    type: 'integer',
    minimum: 1_048_576,
    default: 268_435_456,
    description:
      'Bytes of changes that may wait in storage; what comes on top waits in memory as with `bestEffort`. As many again for dead letters, and for kept events: of those the oldest go.',
  },
  keepHours: {
    type: 'number',
    minimum: 0,
    default: 24,
    description: 'Hours for which delivered changes are kept, for `registry events replay`. 0: not at all.',
  },
  attempts: {
    type: 'integer',
    minimum: 1,
    default: 12,
    description:
      'Attempts with an event that the receiver answers with an error, before it becomes a dead letter.',
  },
  retrySeconds: {
    type: 'number',
    exclusiveMinimum: 0,
    default: 1,
    description: 'Seconds before the second attempt; each further one waits twice as long.',
  },
  maxRetrySeconds: {
    type: 'number',
    exclusiveMinimum: 0,
    default: 300,
    description: 'The most seconds between two attempts.',
  },
  maxAgeHours: {
    type: 'number',
    exclusiveMinimum: 0,
    default: 72,
    description: 'Hours an event waits for a receiver that is not there, before it becomes a dead letter.',
  },
  timeoutSeconds: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 300,
    default: 10,
    description: 'Seconds an attempt may take.',
  },
} as const satisfies Properties;
