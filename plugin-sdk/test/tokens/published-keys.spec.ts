import { generateKeyPairSync } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { expect } from 'chai';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { PublishedKeys, readPublished } from '@entrepot/plugin-sdk/tokens';

const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const setOf = (...names: readonly string[]): RequestListener => {
  const keys = names.map((kid) => ({ ...jwk, kid }));
  return (_request, response) => response.end(JSON.stringify({ keys }));
};
const broken: RequestListener = (_request, response) => response.writeHead(500).end();

describe('The keys a token server publishes', () => {
  let server: Server;
  let answer: RequestListener;
  let requests: number;
  let now: number;
  let keys: PublishedKeys;
  beforeEach(async () => {
    [requests, now, answer] = [0, 0, setOf('a')];
    server = createServer((request, response) => {
      requests += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const url = `http://127.0.0.1:${address.port}/jwks`;
    keys = new PublishedKeys({
      url,
      read: () => readPublished(url),
      freshFor: 60_000,
      staleFor: 600_000,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      now: () => now,
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** The names that are found, or the code of the refusal. */
  async function find(kid?: string): Promise<string> {
    try {
      return (await keys.find(kid)).map((key) => key.kid).join();
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      return `${error.code} ${error.status} ${error.headers['retry-after'] ?? ''}`;
    }
  }

  it('are asked for once, however many look for one, and remembered', async () => {
    expect(await Promise.all(['a', 'a', 'a'].map(find))).to.deep.equal(['a', 'a', 'a']);
    expect(await find()).to.equal('a');
    expect(requests).to.equal(1);
  });

  it('are asked for again for a name that is new, but not for each name that is made up', async () => {
    await find('a');
    answer = setOf('a', 'b');
    expect(await find('b')).to.equal('');
    now += 10_000;
    expect(await find('b')).to.equal('b');
    for (const name of ['x', 'y', 'z']) expect(await find(name)).to.equal('');
    expect(requests).to.equal(2);
  });

  it('are asked for again when they are old, while the old ones serve', async () => {
    await find('a');
    answer = setOf('b');
    now += 60_001;
    expect(await find('a')).to.equal('a');
    await keys.ask();
    expect(await find('b')).to.equal('b');
    expect(requests).to.equal(2);
  });

  it('serve on while the server is down, up to their limit; from then on it is 503', async () => {
    await find('a');
    answer = broken;
    now += 599_999;
    expect(await find('a')).to.equal('a');
    await keys.ask();
    now += 10_000;
    expect(await find('a')).to.equal('UNAVAILABLE 503 10');
  });

  it('that were never read are 503 and not a refusal, and are there as soon as the server is', async () => {
    answer = broken;
    expect(await find('a')).to.equal('UNAVAILABLE 503 10');
    expect(await find('a')).to.equal('UNAVAILABLE 503 10');
    expect(requests).to.equal(1);
    answer = setOf('a');
    now += 10_000;
    expect(await find('a')).to.equal('a');
  });

  it('make a new name 503 while the server is down: it may be a key that is new', async () => {
    await find('a');
    answer = broken;
    now += 10_000;
    expect(await find('b')).to.equal('UNAVAILABLE 503 10');
    expect(await find('b')).to.equal('UNAVAILABLE 503 10');
    expect(await find('a')).to.equal('a');
  });

  for (const [what, listener] of [
    ['too long', (_request, response) => response.end(`{"keys":[${' '.repeat(1024 ** 2)}]}`)],
    ['no key set', (_request, response) => response.end('<html>')],
    ['cut off', (_request, response) => void response.writeHead(200).write('{"ke', () => response.destroy())],
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/other' }).end()],
  ] satisfies readonly (readonly [string, RequestListener])[]) {
    it(`are not taken from an answer that is ${what}`, async () => {
      answer = listener;
      expect(await find('a')).to.equal('UNAVAILABLE 503 10');
      expect(requests).to.equal(1);
    });
  }
});
