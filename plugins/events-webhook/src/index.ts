import { readFileSync } from 'node:fs';
import { definePlugin, type JSONSchemaType, type PluginContext } from '@entrepot/plugin-sdk';
import {
  EventSink,
  readSecret,
  secretProblem,
  secretSchema,
  sinkOptionNames,
  sinkProperties,
  spell,
  type EventFormat,
  type SecretOptions,
  type SinkOptions,
} from '@entrepot/plugin-sdk/events';
import { Endpoint } from './endpoint.ts';

interface EndpointOptions extends SinkOptions {
  readonly name: string;
  readonly url: string;
  readonly format: EventFormat;
  readonly registryUrl?: string;
  readonly headers: Readonly<Record<string, SecretOptions>>;
  readonly secret?: SecretOptions;
  readonly allowPrivateAddresses: boolean;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

interface Options {
  readonly endpoints: readonly EndpointOptions[];
}

type Input = Partial<EndpointOptions> & Pick<EndpointOptions, 'name' | 'url'>;

const endpointSchema: JSONSchemaType<EndpointOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'url', 'format', 'headers', 'allowPrivateAddresses', ...sinkOptionNames],
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9-]{0,63}$',
      description:
        'Names the endpoint in logs, in storage and for `registry events`. Do not change it while events wait.',
    },
    url: { type: 'string', pattern: '^https?://[^\\s]+$', description: 'Where events are POSTed to.' },
    format: {
      type: 'string',
      enum: ['docker', 'cloudevents', 'plain'],
      default: 'docker',
      description:
        "How an event is spelled: distribution's envelope, CloudEvents 1.0, or the event as plugins get it.",
    },
    registryUrl: {
      type: 'string',
      pattern: '^https?://[^\\s"]+$',
      nullable: true,
      description:
        'Where clients reach the registry, for URLs in events. By default what the client called it.',
    },
    headers: {
      type: 'object',
      required: [],
      additionalProperties: secretSchema,
      default: {},
      description: "Headers of each request: `{ Authorization: { env: 'HOOK_TOKEN' } }`.",
    },
    secret: {
      ...secretSchema,
      nullable: true,
      description: 'What bodies are signed with, in the header `Entrepot-Signature`.',
    },
    allowPrivateAddresses: {
      type: 'boolean',
      default: false,
      description: 'Whether the endpoint may be in a private network, or on this machine.',
    },
    caFile: {
      type: 'string',
      nullable: true,
      description: 'Certificates the endpoint is trusted by, in PEM.',
    },
    certFile: { type: 'string', nullable: true, description: 'Client certificate, in PEM.' },
    keyFile: { type: 'string', nullable: true, description: 'Its key, in PEM.' },
    ...sinkProperties,
  },
};

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['endpoints'],
  properties: {
    endpoints: {
      type: 'array',
      items: endpointSchema,
      minItems: 1,
      maxItems: 32,
      description: 'Who is told.',
    },
  },
};

/** Sends events to HTTP endpoints. */
export default definePlugin<Options, { readonly endpoints: readonly Input[] }>({
  name: 'events-webhook',
  schema,
  optional: true,
  setup(context) {
    const { endpoints } = context.options;
    const names = endpoints.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Error(`two endpoints are called '${twice}'`);
    const webhooks = endpoints.map((options) => webhook(context, options));
    return {
      async start() {
        await Promise.all(webhooks.map((each) => each.start()));
      },
      async health() {
        await Promise.all(webhooks.map((each) => each.sink.health()));
      },
      async stop() {
        await Promise.all(webhooks.map((each) => each.stop()));
      },
    };
  },
});

interface Webhook {
  readonly sink: EventSink;
  start(): Promise<void>;
  stop(): Promise<void>;
}

function webhook(
  context: Pick<PluginContext<never>, 'name' | 'hooks' | 'log' | 'storage'>,
  options: EndpointOptions,
): Webhook {
  for (const secret of [
    ...Object.values(options.headers),
    ...(options.secret === undefined ? [] : [options.secret]),
  ]) {
    const problem = secretProblem(secret);
    if (problem !== undefined) throw new Error(`endpoint ${options.name}: ${problem}`);
  }
  let endpoint: Endpoint | undefined;
  const sink = new EventSink(context, {
    name: `webhook.${options.name}`,
    options,
    deliver: (event, signal) => {
      endpoint ??= open(options);
      return endpoint.deliver(event, signal);
    },
  });
  return {
    sink,
    async start() {
      endpoint ??= open(options);
      await sink.start();
    },
    async stop() {
      await sink.stop();
      endpoint?.close();
    },
  };
}

/** @throws Error when a secret or a file cannot be read. */
function open({
  url,
  format,
  registryUrl,
  headers,
  secret,
  allowPrivateAddresses,
  ...files
}: EndpointOptions): Endpoint {
  const { caFile, certFile, keyFile } = files;
  return new Endpoint({
    url: new URL(url),
    spell: spell(format, registryUrl),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, readSecret(value)])),
    secret: secret === undefined ? undefined : readSecret(secret),
    allowPrivateAddresses,
    tls: {
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
      ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
      ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
    },
  });
}
