import { readFile } from 'node:fs/promises';
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
  readonly #hasKey: boolean;
  readonly #keyFile: string | undefined;
  #signer: Storage | undefined;

  /** Does no I/O. */
  constructor(options: Options) {
    const { apiEndpoint } = options;
    this.#keyFile = options.keyFile;
    this.#hasKey = options.keyFile !== undefined || options.credentials !== undefined;
    this.#storage = new Storage({
      authClient: authOf(options),
      ...(apiEndpoint === undefined ? {} : { apiEndpoint }),
    });
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

  /**
   * A URL that lets anybody GET the object for so many seconds. A key signs on the spot; for others Google does, if their
   * service account may sign as itself. `undefined` where there is no service account.
   */
  async sign(bucket: string, name: string, seconds: number): Promise<string | undefined> {
    if (!this.#isPrivate && !this.#hasKey) return undefined;
    this.#signer ??= await this.#newSigner();
    const { client_email: account } = await this.#signer.authClient.getCredentials();
    if (account === undefined) return undefined;
    const expires = Date.now() + seconds * 1000;
    const file = this.#signer.bucket(bucket).file(name);
    const [url] = await file.getSignedUrl({ version: 'v4', action: 'read', expires });
    return url;
  }

  /** The client library signs with a key only if it is given the key itself. */
  async #newSigner(): Promise<Storage> {
    if (this.#keyFile === undefined) return this.#storage;
    return new Storage({ authClient: authWithKey(await keyIn(this.#keyFile)), apiEndpoint: this.endpoint });
  }

  get #isPrivate(): boolean {
    return this.endpoint.startsWith('https:');
  }
}

/** The key that was configured; without one, the client library looks at what the machine has. */
function authOf({ keyFile, credentials }: Options): GoogleAuth | JWT {
  if (keyFile !== undefined) return new JWT({ keyFile, scopes: SCOPES });
  return credentials === undefined
    ? new GoogleAuth({ scopes: SCOPES, projectId: UNKNOWN_PROJECT })
    : authWithKey(credentials);
}

type Key = NonNullable<Options['credentials']>;

function authWithKey(key: Key): GoogleAuth {
  const { client_email: email, private_key: pem } = key;
  const authClient = new JWT({ email, key: pem, scopes: SCOPES });
  const auth = new GoogleAuth({ authClient, projectId: UNKNOWN_PROJECT });
  // Or else it looks elsewhere for who it is that signs.
  auth.jsonContent = key;
  return auth;
}

/** @throws Error when the file is not what Google gives for a service account. */
async function keyIn(file: string): Promise<Key> {
  const content: unknown = JSON.parse(await readFile(file, 'utf8'));
  const [email, key] = ['client_email', 'private_key'].map((name): unknown =>
    typeof content === 'object' && content !== null ? Reflect.get(content, name) : undefined,
  );
  if (typeof email === 'string' && typeof key === 'string') return { client_email: email, private_key: key };
  throw new Error('the key file names no client_email and private_key');
}
