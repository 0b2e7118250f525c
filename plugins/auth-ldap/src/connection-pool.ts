import { Turns } from '@entrepot/plugin-sdk/access';

/** What a pool asks of a connection. */
export interface PooledConnection {
  readonly isOpen: boolean;
  close(): Promise<void>;
}

export interface ConnectionPoolOptions<Connection extends PooledConnection> {
  /** How many there are at the same time. */
  readonly size: number;
  /** How many more may wait for one. */
  readonly maxWaiting: number;
  readonly open: () => Promise<Connection>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Milliseconds after which a connection that nobody uses is not trusted: directories and firewalls close such ones. */
const MAX_IDLE = 30_000;

interface Idle<Connection> {
  readonly connection: Connection;
  readonly since: number;
}

/** A bounded number of connections, which are used again. */
export class ConnectionPool<Connection extends PooledConnection> {
  readonly #options: ConnectionPoolOptions<Connection>;
  readonly #turns: Turns;
  readonly #idle: Idle<Connection>[] = [];
  #isClosed = false;

  constructor(options: ConnectionPoolOptions<Connection>) {
    this.#options = options;
    this.#turns = new Turns({ concurrency: options.size, maxWaiting: options.maxWaiting });
  }

  /**
   * Gives `work` a connection for itself. When one that was used before turns out to be lost, work begins again with a
   * new one.
   * @throws RegistryError `TOOMANYREQUESTS` when too many wait; whatever `work` throws, or what keeps it from connecting.
   */
  use<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    return this.#turns.take(async () => {
      const known = this.#takeIdle();
      if (known !== undefined) {
        try {
          return await this.#run(known, work);
        } catch (error) {
          if (!(error instanceof LostConnection)) throw error;
        }
      }
      return this.#run(await this.#options.open(), work);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#idle.splice(0).map(({ connection }) => ended(connection)));
  }

  async #run<Result>(
    connection: Connection,
    work: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    let result: Result;
    try {
      result = await work(connection);
    } catch (error) {
      // Over which something went wrong, that connection is in nobody knows what state.
      const isLost = !connection.isOpen;
      void ended(connection);
      throw isLost ? new LostConnection('the connection to the directory is lost', { cause: error }) : error;
    }
    if (connection.isOpen && !this.#isClosed) this.#idle.push({ connection, since: this.#options.now() });
    else void ended(connection);
    return result;
  }

  #takeIdle(): Connection | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      const { connection, since } = last;
      if (connection.isOpen && this.#options.now() - since < MAX_IDLE) return connection;
      void ended(connection);
    }
    return undefined;
  }
}

class LostConnection extends Error {
  override readonly name = 'LostConnection';
}

/** What goes wrong with a connection that is given up concerns nobody any more. */
async function ended(connection: PooledConnection): Promise<void> {
  await Promise.allSettled([connection.close()]);
}
