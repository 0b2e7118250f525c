import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { OutgoingRequests } from './outgoing-requests.ts';
import { Spans } from './spans.ts';
import { traceStorage } from './traced-storage.ts';

interface Options {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly share: number;
  readonly trustClients: boolean;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['endpoint', 'headers', 'service', 'share', 'trustClients'],
  properties: {
    endpoint: {
      type: 'string',
      pattern: '^https?://[^\\s?#]+$',
      default: 'http://localhost:4318/v1/traces',
      description: 'Where a collector takes traces: OTLP over HTTP.',
    },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string' },
      required: [],
      default: {},
      description: 'Headers the collector wants, such as `authorization`; take secrets from the environment.',
    },
    service: {
      type: 'string',
      minLength: 1,
      default: 'entrepot',
      description: 'What the traces call the registry: `service.name`.',
    },
    share: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'The share of requests that are traced: `0.1` is one in ten.',
    },
    trustClients: {
      type: 'boolean',
      default: true,
      description:
        'Whether a client that is traced itself (`traceparent`) decides instead whether its request is. If not, its trace is gone on with as `share` says.',
    },
  },
};

/** Follows requests through the registry, and sends what it sees to a collector of OpenTelemetry. */
export default definePlugin<Options, Partial<Options>>({
  name: 'tracing',
  schema,
  optional: true,
  setup({ name, hooks, options, log }) {
    const spans = new Spans(options, log);
    const outgoing = new OutgoingRequests(spans);
    hooks.trace.tap(name, () => spans);
    hooks.wrapStorage.tap(name, (driver) => traceStorage(driver, spans));
    return {
      async start() {
        outgoing.watch();
      },
      async stop() {
        outgoing.unwatch();
        await spans.end();
      },
    };
  },
});
