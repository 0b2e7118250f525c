import { Storage } from '@google-cloud/storage';
import { GoogleAuth, JWT } from 'google-auth-library';
import type { Options } from '../options.ts';

/** What a registry does with a bucket ("OAuth 2.0 scopes for Google APIs"). */
const SCOPES = ['https://www.googleapis.com/auth/devstorage.read_write'];

/**
 * Objects are found by their bucket; no request names a project. Without a name for it the library would ask for one, by
 * requests that the role of a registry does not allow.
 */
const UNKNOWN_PROJECT = 'unknown';

/** Who asks, as far as Google has to know. The client library of Google finds the credentials and renews the tokens. */
export class Credentials {
  /** Where requests go: `https://storage.googleapis.com`. */
  readonly endpoint: string;
  readonly #storage: Storage;

  /** Does no I/O. */
  constructor(options: Options) {
    const { apiEndpoint } = options;
    const authClient = keyOf(options) ?? new GoogleAuth({ scopes: SCOPES, projectId: UNKNOWN_PROJECT });
    this.#storage = new Storage({ authClient, ...(apiEndpoint === undefined ? {} : { apiEndpoint }) });
    this.endpoint = this.#storage.apiEndpoint.replace(/\/+$/, '');
  }

  /** The headers that allow a request to `url`. None go over a connection that anybody can read: emulators want none. */
  async headersFor(url: string): Promise<Readonly<Record<string, string>>> {
    if (!this.#isPrivate) return {};
    return Object.fromEntries(await this.#storage.authClient.getRequestHeaders(url));
  }

  /** For the log: the kind of credentials that was found, as the client library calls it, and who it is, if it says so. */
  async source(): Promise<string> {
    if (!this.#isPrivate) return 'none';
    const client = await this.#storage.authClient.getClient();
    const email: unknown = Reflect.get(client, 'email');
    return typeof email === 'string' ? `${client.constructor.name} (${email})` : client.constructor.name;
  }

  get #isPrivate(): boolean {
    return this.endpoint.startsWith('https:');
  }
}

/** The key that was configured; without one, the client library looks at what the machine has. */
function keyOf({ keyFile, credentials }: Options): JWT | undefined {
  if (keyFile !== undefined) return new JWT({ keyFile, scopes: SCOPES });
  if (credentials === undefined) return undefined;
  const { client_email: email, private_key: key } = credentials;
  return new JWT({ email, key, scopes: SCOPES });
}
