import { isIP } from 'node:net';
import { Client, FilterParser, ResultCodeError, type Entry } from 'ldapts';
import { startTls, type Address } from './start-tls.ts';

export interface ConnectionOptions {
  readonly url: URL;
  readonly startTls: boolean;
  /** Certificates in PEM that the directory is trusted by; those of the system when there are none. */
  readonly ca: string | undefined;
  /** Milliseconds that connecting may take, and each answer. */
  readonly timeout: number;
}

export interface Query {
  readonly base: string;
  readonly scope: 'base' | 'sub';
  readonly filter: string;
  readonly attributes: readonly string[];
  /** More entries are not asked for; all of them when it is left out. */
  readonly limit?: number;
}

/** An entry, with the values of the attributes that were asked for. */
export interface FoundEntry {
  readonly dn: string;
  valuesOf(attribute: string): readonly string[];
}

/**
 * Result codes (RFC 4511 appendix A) that say that name and password are not good: an entry that does not exist or may
 * not be bound, an account that is locked. All others say that it is not known.
 */
const REFUSED: ReadonlySet<number> = new Set([19, 32, 34, 48, 49, 50, 53]);

/** @throws Error when it is no filter (RFC 4515). */
export function requireFilter(filter: string): void {
  try {
    FilterParser.parseString(filter);
  } catch (error) {
    throw new Error(`${filter} is no filter of LDAP`, { cause: error });
  }
}

/** A connection to the directory. Once it is lost it stays so: nothing is ever said over another that was not secured. */
export class Connection {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Nothing is sent before TLS is there, where it is wanted. @throws Error when the directory cannot be reached. */
  static async open({ url, startTls: wanted, ca, timeout }: ConnectionOptions): Promise<Connection> {
    const address = addressOf(url);
    const isSecure = wanted || url.protocol === 'ldaps:';
    const socket = wanted ? await startTls(address, timeout) : undefined;
    const tlsOptions = {
      host: address.host,
      ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(socket === undefined ? {} : { socket }),
    };
    const client = new Client({
      url: `${isSecure ? 'ldaps' : 'ldap'}://${url.hostname}:${address.port}`,
      timeout,
      connectTimeout: timeout,
      ...(isSecure ? { tlsOptions } : {}),
    });
    try {
      // Anonymous, as every connection is at first: this is what connects, with nothing to give away.
      await client.bind('', '');
    } catch (error) {
      // Some do not want strangers to bind, and the connection is there all the same.
      if (!(error instanceof ResultCodeError)) {
        socket?.destroy();
        throw error;
      }
    }
    return new Connection(client);
  }

  get isOpen(): boolean {
    return this.#client.isConnected;
  }

  /** Goes on as somebody else, if the password is right; whether it is. @throws Error when that is not known. */
  async bind(dn: string, password: string): Promise<boolean> {
    this.#requireOpen();
    try {
      await this.#client.bind(dn, password);
      return true;
    } catch (error) {
      if (error instanceof ResultCodeError && REFUSED.has(error.code)) return false;
      throw error;
    }
  }

  /** @throws Error when it cannot be answered whole. */
  async search({ base, scope, filter, attributes, limit }: Query): Promise<readonly FoundEntry[]> {
    this.#requireOpen();
    const { searchEntries } = await this.#client.search(base, {
      scope,
      filter,
      attributes: [...attributes],
      ...(limit === undefined ? {} : { sizeLimit: limit }),
    });
    return searchEntries.map(foundEntry);
  }

  async close(): Promise<void> {
    await this.#client.unbind();
  }

  /** The library connects anew by itself, which must not happen: the new connection would be nobody's, and in the clear. */
  #requireOpen(): void {
    if (!this.#client.isConnected) throw new Error('the connection to the directory is lost');
  }
}

function addressOf(url: URL): Address {
  const port = url.port === '' ? (url.protocol === 'ldaps:' ? 636 : 389) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/** Names of attributes come back in any case. */
function foundEntry(entry: Entry): FoundEntry {
  const { dn, ...attributes } = entry;
  const values = new Map(
    Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), textsOf(value)]),
  );
  return { dn, valuesOf: (attribute) => values.get(attribute.toLowerCase()) ?? [] };
}

function textsOf(value: Entry[string]): readonly string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.map((each) => (typeof each === 'string' ? each : each.toString('utf8')));
}
