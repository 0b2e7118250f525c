import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import { DeliveryError, spell } from '@entrepot/plugin-sdk/events';
import { Endpoint, type EndpointOptions } from '../src/endpoint.ts';
import { isPrivate, publicLookup } from '../src/public-addresses.ts';

const event: RegistryEvent = {
  id: '00000000-0000-4000-8000-000000000001',
  action: 'push',
  kind: 'manifest',
  time: '2026-01-01T00:00:00.000Z',
  repository: 'team/app',
  target: { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
  address: '192.0.2.7',
  requestId: 'request-1',
  method: 'PUT',
};

describe('A webhook endpoint', () => {
  let server: Server;
  let url: URL;
  let endpoint: Endpoint | undefined;
  let requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  let answer: { status: number; headers?: Record<string, string>; body?: string };
  beforeEach(async () => {
    requests = [];
    answer = { status: 204 };
    server = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push({ path: request.url ?? '', headers: request.headers, body });
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    url = new URL(`http://127.0.0.1:${port}/hook?x=1`);
  });
  afterEach(async () => {
    endpoint?.close();
    server.closeAllConnections();
    server.close();
  });

  async function deliver(options: Partial<EndpointOptions> = {}): Promise<DeliveryError | undefined> {
    endpoint?.close();
    endpoint = new Endpoint({
      url,
      spell: spell('plain'),
      headers: {},
      secret: undefined,
      allowPrivateAddresses: true,
      tls: {},
      ...options,
    });
    try {
      await endpoint.deliver(event, AbortSignal.timeout(30_000));
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      throw error;
    }
  }

  it('gets the event as it is spelled, with the headers of the configuration', async () => {
    expect(await deliver({ headers: { authorization: 'Bearer t' }, spell: spell('cloudevents') })).to.equal(
      undefined,
    );
    const [request] = requests;
    expect(request?.path).to.equal('/hook?x=1');
    expect(request?.headers).to.include({
      authorization: 'Bearer t',
      'content-type': 'application/cloudevents+json; charset=UTF-8',
      'entrepot-event': event.id,
    });
    expect(JSON.parse(request?.body ?? '')).to.deep.include({ id: event.id, specversion: '1.0' });
  });

  it('can tell by the signature who has sent the body, and when', async () => {
    const before = Math.floor(Date.now() / 1000);
    await deliver({ secret: 'sesame' });
    const [request] = requests;
    const [, time = '', digest = ''] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request?.headers['entrepot-signature'])) ?? [];
    expect(Number(time)).to.be.at.least(before);
    expect(createHmac('sha256', 'sesame').update(`${time}.${request?.body}`).digest('hex')).to.equal(digest);
  });

  const faults: readonly [status: number, fault: string | undefined][] = [
    [200, undefined],
    [202, undefined],
    [302, 'failed'],
    [400, 'rejected'],
    [401, 'failed'],
    [404, 'failed'],
    [408, 'failed'],
    [410, 'rejected'],
    [422, 'rejected'],
    [429, 'unavailable'],
    [500, 'failed'],
    [503, 'unavailable'],
  ];
  for (const [status, fault] of faults) {
    it(`${fault === undefined ? 'has taken' : `is told to have ${fault === 'unavailable' ? 'been' : ''} ${fault} what`} it answers with ${status}`, async () => {
      answer = { status, headers: { location: '/elsewhere' }, body: 'because\n of this' };
      const error = await deliver();
      expect(error?.fault).to.equal(fault);
      if (fault !== undefined)
        expect(error?.message).to.equal(`the receiver answers ${status}: because of this`);
      expect(requests.map(({ path }) => path)).to.deep.equal(['/hook?x=1']);
    });
  }

  it('may ask to be left alone for a while', async () => {
    answer = { status: 429, headers: { 'retry-after': '30' } };
    expect((await deliver())?.retryAfter).to.equal(30_000);
  });

  it('is unavailable when nobody listens', async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    expect((await deliver())?.fault).to.equal('unavailable');
  });

  it('has failed when it ends the connection instead of answering', async () => {
    server.removeAllListeners('request');
    server.on('request', (request) => request.socket.destroy());
    expect((await deliver())?.fault).to.equal('failed');
  });

  it('has failed when it does not answer in time', async () => {
    server.removeAllListeners('request');
    server.on('request', () => abort.abort());
    const abort = new AbortController();
    endpoint = new Endpoint({
      url,
      spell: spell('plain'),
      headers: {},
      secret: undefined,
      allowPrivateAddresses: true,
      tls: {},
    });
    const error: unknown = await endpoint.deliver(event, abort.signal).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('fault', 'failed');
  });

  it('is not asked when it is in a private network, unless that is allowed', async () => {
    const error = await deliver({ allowPrivateAddresses: false });
    expect(error?.message).to.equal(
      '127.0.0.1 has a private address; allow it with allowPrivateAddresses, if it is meant',
    );
    url.hostname = 'localhost';
    expect((await deliver({ allowPrivateAddresses: false }))?.message).to.include(
      'localhost has a private address',
    );
    expect(requests).to.deep.equal([]);
  });
});

describe('Private addresses', () => {
  it('are those that nothing of the internet has, however they are written', () => {
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '192.168.0.1',
      '::1',
      'fe80::1',
      'fd00::1',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:1',
      '0.0.0.0',
    ])
      expect(isPrivate(address), address).to.equal(true);
    for (const address of ['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8'])
      expect(isPrivate(address), address).to.equal(false);
  });

  it('are left out of what a name resolves to, and the connection goes to an address that was looked at', () => {
    const lookup = publicLookup((_name, _options, done) =>
      done(null, [
        { address: '10.0.0.1', family: 4 },
        { address: '8.8.8.8', family: 4 },
      ]),
    );
    const found: unknown[] = [];
    lookup('mixed.example.com', {}, (...answer) => found.push(answer));
    lookup('mixed.example.com', { all: true }, (...answer) => found.push(answer));
    expect(found).to.deep.equal([
      [null, '8.8.8.8', 4],
      [null, [{ address: '8.8.8.8', family: 4 }]],
    ]);
  });

  it('are refused when a name has no others', () => {
    const lookup = publicLookup((_name, _options, done) => done(null, [{ address: '10.0.0.1', family: 4 }]));
    lookup('inside.example.com', {}, (error) => {
      expect(error?.message).to.include('inside.example.com has a private address');
    });
  });
});
