import { DeliveryError } from './delivery-error.ts';

export interface ConnectionKind<Connection> {
  /** Opens a connection, and says later, once, when it is lost. @throws Error when nobody is there. */
  open(onLost: () => void): Promise<Connection>;
  close(connection: Connection): Promise<void>;
}

/** A connection that is opened when it is needed, and again when it has been lost. All deliveries of a sink share it. */
export class SharedConnection<Connection> {
  readonly #kind: ConnectionKind<Connection>;
  #current: Promise<Connection> | undefined;

  constructor(kind: ConnectionKind<Connection>) {
    this.#kind = kind;
  }

  /** @throws DeliveryError `unavailable` when nobody is there. */
  async get(): Promise<Connection> {
    this.#current ??= this.#open();
    return this.#current;
  }

  /** Closes it. Another {@link get} opens another one. */
  async close(): Promise<void> {
    const opening = this.#current;
    this.#current = undefined;
    const [opened] = await Promise.allSettled([opening]);
    if (opened.status === 'fulfilled' && opened.value !== undefined) await this.#kind.close(opened.value);
  }

  #open(): Promise<Connection> {
    const forget = (): void => {
      if (this.#current === opening) this.#current = undefined;
    };
    const opening: Promise<Connection> = this.#kind.open(forget).catch((error: unknown) => {
      forget();
      const reason = error instanceof Error ? error.message : String(error);
      throw new DeliveryError('unavailable', reason, { cause: error });
    });
    return opening;
  }
}
