import {
  connect,
  headers,
  NoRespondersError,
  RequestError,
  TimeoutError,
  type NatsConnection,
} from '@nats-io/transport-node';
import { DeliveryError, SharedConnection, type SinkEvent, type Speller } from '@entrepot/plugin-sdk/events';

export interface PublisherOptions {
  readonly servers: readonly string[];
  readonly subject: string;
  readonly jetstream: boolean;
  readonly spell: Speller;
  readonly user?: string;
  /** Read when a connection is opened. */
  readonly secrets: () => { readonly token?: string; readonly pass?: string };
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Publishes events over one connection. It does not reconnect by itself: who delivers knows when to try again. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #connection: SharedConnection<NatsConnection>;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#connection = new SharedConnection({
      open: (onLost) => this.#open(onLost),
      close: async (connection) => connection.close(),
    });
  }

  /** @throws DeliveryError */
  async publish(event: SinkEvent): Promise<void> {
    const { subject, jetstream, spell, timeout } = this.#options;
    const connection = await this.#connection.get();
    const { body, contentType } = spell(event);
    const told = headers();
    told.set('Content-Type', contentType);
    // A stream takes what has this id only once, for as long as it remembers (JetStream, "Nats-Msg-Id").
    told.set('Nats-Msg-Id', event.id);
    const address = `${subject}.${event.action}`;
    try {
      if (jetstream)
        assertTaken((await connection.request(address, body, { timeout, headers: told })).string());
      else {
        connection.publish(address, body, { headers: told });
        await connection.flush();
      }
    } catch (error) {
      throw faultOf(error, address, connection);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(onLost: () => void): Promise<NatsConnection> {
    const { servers, user, secrets, caFile, certFile, keyFile, timeout } = this.#options;
    const tls = {
      ...(caFile === undefined ? {} : { caFile }),
      ...(certFile === undefined ? {} : { certFile }),
      ...(keyFile === undefined ? {} : { keyFile }),
    };
    const connection = await connect({
      servers: [...servers],
      name: 'entrepot-events-nats',
      reconnect: false,
      timeout,
      ...(user === undefined ? {} : { user }),
      ...secrets(),
      ...(Object.keys(tls).length === 0 ? {} : { tls }),
    });
    void connection.closed().then(onLost);
    return connection;
  }
}

/** What a stream answers to whoever publishes to it. */
function assertTaken(answer: string): void {
  const { error, stream } = parse(answer);
  if (typeof stream === 'string' && error === undefined) return;
  throw new DeliveryError('failed', `the stream does not take the event: ${answer.slice(0, 200)}`);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function faultOf(error: unknown, subject: string, connection: NatsConnection): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const cause = error instanceof RequestError ? error.cause : error;
  if (error instanceof NoRespondersError || cause instanceof NoRespondersError)
    return new DeliveryError('unavailable', `no stream has the subject ${subject}`, { cause: error });
  if (connection.isClosed()) return new DeliveryError('unavailable', reason, { cause: error });
  if (error instanceof TimeoutError)
    return new DeliveryError('failed', 'no stream has answered in time', { cause: error });
  return new DeliveryError('failed', reason, { cause: error });
}
