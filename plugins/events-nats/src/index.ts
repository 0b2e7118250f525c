import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
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
import { Publisher } from './publisher.ts';

interface Options extends SinkOptions {
  readonly servers: readonly string[];
  readonly subject: string;
  readonly jetstream: boolean;
  readonly format: EventFormat;
  readonly registryUrl?: string;
  readonly token?: SecretOptions;
  readonly user?: string;
  readonly password?: SecretOptions;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['servers', 'subject', 'jetstream', 'format', ...sinkOptionNames],
  properties: {
    servers: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      minItems: 1,
      description: 'Servers of one cluster: `nats://nats.example.com:4222`, or `tls://…`.',
    },
    subject: {
      type: 'string',
      pattern: '^[^\\s.*>]+(?:\\.[^\\s.*>]+)*$',
      default: 'registry',
      description: 'Events are published under it and their action: `registry.push`.',
    },
    jetstream: {
      type: 'boolean',
      default: true,
      description:
        'Whether a stream has to acknowledge each event. Without, the server has received it, and nobody else need have.',
    },
    format: {
      type: 'string',
      enum: ['cloudevents', 'docker', 'plain'],
      default: 'cloudevents',
      description: "CloudEvents 1.0, distribution's envelope, or the event as plugins get it.",
    },
    registryUrl: {
      type: 'string',
      pattern: '^https?://[^\\s"]+$',
      nullable: true,
      description: 'Where clients reach the registry, for URLs in events.',
    },
    token: { ...secretSchema, nullable: true, description: 'A token of the server.' },
    user: { type: 'string', minLength: 1, nullable: true, description: 'A user of the server.' },
    password: { ...secretSchema, nullable: true, description: 'The password of the user.' },
    caFile: { type: 'string', nullable: true, description: 'Certificates the server is trusted by, in PEM.' },
    certFile: { type: 'string', nullable: true, description: 'Client certificate, in PEM.' },
    keyFile: { type: 'string', nullable: true, description: 'Its key, in PEM.' },
    ...sinkProperties,
  },
};

/** Publishes events to NATS. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'servers'>>({
  name: 'events-nats',
  schema,
  optional: true,
  setup(context) {
    const { options } = context;
    const { token, password } = options;
    for (const [name, secret] of Object.entries({ token, password })) {
      const problem = secret === undefined ? undefined : secretProblem(secret);
      if (problem !== undefined) throw new Error(`${name}: ${problem}`);
    }
    const publisher = new Publisher({
      ...options,
      timeout: options.timeoutSeconds * 1000,
      spell: spell(options.format, options.registryUrl),
      secrets: () => ({
        ...(token === undefined ? {} : { token: readSecret(token) }),
        ...(password === undefined ? {} : { pass: readSecret(password) }),
      }),
    });
    const sink = new EventSink(context, {
      name: 'nats',
      options,
      deliver: (event) => publisher.publish(event),
    });
    return {
      start: () => sink.start(),
      health: () => sink.health(),
      async stop() {
        await sink.stop();
        await publisher.close();
      },
    };
  },
});
