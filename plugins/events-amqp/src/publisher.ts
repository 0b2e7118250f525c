import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { DeliveryError, SharedConnection, type SinkEvent, type Speller } from '@entrepot/plugin-sdk/events';

export interface PublisherOptions {
  /** Without its password: `amqps://user@rabbit.example.com`. */
  readonly url: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly spell: Speller;
  /** Read when a connection is opened. */
  readonly password: () => string | undefined;
  /** What a TLS connection is opened with, in PEM. Read when it is. */
  readonly tls: () => { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Milliseconds. */
  readonly timeout: number;
}

interface Open {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Ids of messages that no queue wanted. */
  readonly returned: Set<string>;
}

/** Publishes events to an exchange, each until the broker has confirmed it. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #connection: SharedConnection<Open>;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#connection = new SharedConnection({
      open: (onLost) => this.#open(onLost),
      close: ({ connection }) => connection.close(),
    });
  }

  /** @throws DeliveryError `unavailable` when no queue is bound for it, as when nobody is there. */
  async publish(event: SinkEvent): Promise<void> {
    const { exchange, routingKey, spell } = this.#options;
    const { channel, connection, returned } = await this.#connection.get();
    const { body, contentType } = spell(event);
    const key = `${routingKey}.${event.action}`;
    const options = {
      contentType,
      persistent: true,
      mandatory: true,
      messageId: event.id,
      timestamp: Math.floor(Date.parse(event.time) / 1000),
    };
    await new Promise<void>((resolve, reject) => {
      const lost = (): void => reject(new DeliveryError('unavailable', 'the broker has gone'));
      connection.once('close', lost);
      channel.publish(exchange, key, Buffer.from(body), options, (error: unknown) => {
        connection.off('close', lost);
        const reason = error instanceof Error ? error.message : 'the broker does not take the event';
        if (error === null || error === undefined) resolve();
        else reject(new DeliveryError('failed', reason, { cause: error }));
      });
    });
    // What no queue wants comes back before it is confirmed (RabbitMQ, "Publisher Confirms").
    if (returned.delete(event.id))
      throw new DeliveryError('unavailable', `no queue is bound to ${exchange} for ${key}`);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(onLost: () => void): Promise<Open> {
    const { url: address, password, tls, timeout, exchange } = this.#options;
    const url = new URL(address);
    const secret = password();
    if (secret !== undefined) url.password = encodeURIComponent(secret);
    const connection = await connect(url.href, { ...tls(), timeout });
    const returned = new Set<string>();
    // Errors come to whoever publishes; without a listener they would end the process.
    connection.on('error', () => undefined);
    connection.once('close', onLost);
    try {
      const channel = await connection.createConfirmChannel();
      // A channel that fails takes its connection with it, so that the next event opens both.
      channel.on('error', () => void Promise.allSettled([connection.close()]));
      channel.on('return', ({ properties }: { readonly properties: { readonly messageId?: unknown } }) => {
        if (typeof properties.messageId === 'string') returned.add(properties.messageId);
      });
      await channel.checkExchange(exchange);
      return { connection, channel, returned };
    } catch (error) {
      await Promise.allSettled([connection.close()]);
      throw error;
    }
  }
}
