import { readFileSync } from 'node:fs';
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
  readonly url: string;
  readonly password?: SecretOptions;
  readonly exchange: string;
  readonly routingKey: string;
  readonly format: EventFormat;
  readonly registryUrl?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['url', 'exchange', 'routingKey', 'format', ...sinkOptionNames],
  properties: {
    url: {
      type: 'string',
      pattern: '^amqps?://(?:[^\\s:@/]+@)?[^\\s@]+$',
      description: 'The broker, without a password: `amqps://registry@rabbit.example.com/vhost`.',
    },
    password: { ...secretSchema, nullable: true, description: 'The password of the user.' },
    exchange: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      default: 'registry',
      description: 'The exchange events are published to. It has to be there.',
    },
    routingKey: {
      type: 'string',
      pattern: '^[A-Za-z0-9._-]{1,200}$',
      default: 'registry',
      description: 'Begins the routing key, which the action ends: `registry.push`.',
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
    caFile: { type: 'string', nullable: true, description: 'Certificates the broker is trusted by, in PEM.' },
    certFile: { type: 'string', nullable: true, description: 'Client certificate, in PEM.' },
    keyFile: { type: 'string', nullable: true, description: 'Its key, in PEM.' },
    ...sinkProperties,
  },
};

/** Publishes events to an AMQP 0-9-1 broker, RabbitMQ for instance. */
export default definePlugin<Options, Partial<Options> & Pick<Options, 'url'>>({
  name: 'events-amqp',
  schema,
  optional: true,
  setup(context) {
    const { options } = context;
    const { password, caFile, certFile, keyFile } = options;
    const problem = password === undefined ? undefined : secretProblem(password);
    if (problem !== undefined) throw new Error(`password: ${problem}`);
    const publisher = new Publisher({
      ...options,
      timeout: options.timeoutSeconds * 1000,
      spell: spell(options.format, options.registryUrl),
      password: () => (password === undefined ? undefined : readSecret(password)),
      tls: () => ({
        ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
        ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
        ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
      }),
    });
    const sink = new EventSink(context, {
      name: 'amqp',
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
