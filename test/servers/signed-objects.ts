import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { StorageDriver } from '@entrepot/plugin-sdk';

/** What a bucket that is careless does not look at. */
export type Carelessness = 'the path' | 'the time' | 'the signature' | 'the range' | 'the method';

/** Gives the objects of drivers to whoever has a URL that it has signed, as the buckets of clouds do. */
export class SignedObjects {
  /** What was asked for, in turn: `GET /1/data/abc`. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #drivers: StorageDriver[] = [];
  readonly #secret = randomBytes(32);

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<SignedObjects> {
    const objects = new SignedObjects();
    objects.#server.listen(0, '127.0.0.1');
    await once(objects.#server, 'listening');
    return objects;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The `signUrl` of `driver`, whose objects are served from now on. */
  signUrlFor(driver: StorageDriver, careless?: Carelessness): NonNullable<StorageDriver['signUrl']> {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    this.#drivers.push(driver);
    const place = `/${this.#drivers.length - 1}/`;
    return async (key, { expires }) => {
      const url = new URL(`http://127.0.0.1:${address.port}${place}${key}`);
      url.searchParams.set('until', String(Date.now() + expires * 1000));
      if (careless !== undefined) url.searchParams.set('careless', careless);
      url.searchParams.set('signature', this.#signatureOf(url));
      return url.href;
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', 'http://any');
    this.requests.push(`${method} ${url.pathname}`);
    const [, place, key] = /^\/(\d+)\/(.+)$/.exec(url.pathname) ?? [];
    const driver = this.#drivers[Number(place)];
    const careless = url.searchParams.get('careless');
    const isSigned =
      careless === 'the signature' || url.searchParams.get('signature') === this.#signatureOf(url);
    const isInTime = careless === 'the time' || Date.now() < Number(url.searchParams.get('until'));
    if (driver === undefined || key === undefined || !isSigned || !isInTime)
      return void response.writeHead(403).end();
    if (method !== 'GET') {
      if (careless === 'the method' && method === 'DELETE') await driver.delete(key);
      return void response.writeHead(careless === 'the method' ? 204 : 405).end();
    }
    const object = await driver.read(key);
    if (object === undefined) return void response.writeHead(404).end();
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const isPart = start !== undefined && careless !== 'the range';
    response
      .writeHead(isPart ? 206 : 200)
      .end(isPart ? object.bytes.subarray(Number(start), Number(end) + 1) : object.bytes);
  }

  #signatureOf({ pathname, searchParams }: URL): string {
    const careless = searchParams.get('careless');
    const signed = [careless === 'the path' ? '' : pathname, searchParams.get('until') ?? '', careless ?? ''];
    return createHmac('sha256', this.#secret).update(signed.join('\n')).digest('hex');
  }
}
