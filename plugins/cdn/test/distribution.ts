import { createVerify, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { StorageDriver } from '@entrepot/plugin-sdk';

/**
 * A distribution of CloudFront as its documentation has it ("Create a signed URL using a canned policy"): the signature
 * is RSA with SHA-1 over a policy that says the URL and the time it ends at.
 */
export class Distribution {
  readonly key: { readonly keyPairId: string; readonly privateKey: string };
  readonly #publicKey: KeyObject;
  readonly #server: Server;
  readonly #origins: StorageDriver[] = [];

  private constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#publicKey = publicKey;
    this.key = {
      keyPairId: 'K2JCJMDEHXQW5F',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<Distribution> {
    const distribution = new Distribution();
    distribution.#server.listen(0, '127.0.0.1');
    await once(distribution.#server, 'listening');
    return distribution;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Where the objects of `driver` are from now on. */
  urlOf(driver: StorageDriver): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    this.#origins.push(driver);
    return `http://127.0.0.1:${address.port}/${this.#origins.length - 1}`;
  }

  /** Whether this URL may be asked for now. */
  allows(url: string): boolean {
    const { searchParams } = new URL(url);
    const expires = Number(searchParams.get('Expires'));
    const resource = url.slice(0, url.indexOf('?'));
    const policy = `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
    const signature = (searchParams.get('Signature') ?? '')
      .replaceAll('-', '+')
      .replaceAll('_', '=')
      .replaceAll('~', '/');
    const isSigned = createVerify('RSA-SHA1')
      .update(policy)
      .verify(this.#publicKey, Buffer.from(signature, 'base64'));
    return isSigned && Date.now() < expires * 1000 && searchParams.get('Key-Pair-Id') === this.key.keyPairId;
  }

  async #serve({ method, url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, place = '', key = ''] = /^\/(\d+)\/([^?]+)\?/.exec(url) ?? [];
    const origin = this.#origins[Number(place)];
    if (method !== 'GET') return void response.writeHead(403).end();
    if (origin === undefined || !this.allows(`http://${headers.host ?? ''}${url}`))
      return void response.writeHead(403).end();
    const object = await origin.read(key);
    // An origin that may not list says 403 of what it has not.
    if (object === undefined) return void response.writeHead(403).end();
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const isPart = start !== undefined;
    response
      .writeHead(isPart ? 206 : 200)
      .end(isPart ? object.bytes.subarray(Number(start), Number(end) + 1) : object.bytes);
  }
}
