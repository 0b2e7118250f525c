import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import { DeliveryError, spell } from '@entrepot/plugin-sdk/events';
import { createCa, issueCertificate } from '../../../test/servers/certificates.ts';
import { Endpoint, type EndpointOptions } from '../src/endpoint.ts';

const servers = createCa('Servers');
const clients = createCa('Clients');
const server = issueCertificate({ subject: { CN: 'hook' }, names: ['IP:127.0.0.1'], issuer: servers });
const registry = issueCertificate({ subject: { CN: 'registry' }, issuer: clients });

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

describe('A webhook endpoint that asks for a certificate', () => {
  let listening: Server;
  let url: URL;
  let names: unknown[];
  before(async () => {
    names = [];
    const options = { cert: server.cert, key: server.key, ca: clients.cert, requestCert: true };
    listening = createServer(options, (request, response) => {
      const { socket } = request;
      if (socket instanceof TLSSocket) names.push(socket.getPeerCertificate().subject.CN);
      request.resume();
      response.writeHead(204).end();
    });
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    url = new URL(`https://127.0.0.1:${(listening.address() as AddressInfo).port}/`);
  });
  after(() => {
    listening.closeAllConnections();
    listening.close();
  });

  async function deliver(tls: EndpointOptions['tls']): Promise<DeliveryError | undefined> {
    const options = { headers: {}, secret: undefined, allowPrivateAddresses: true };
    const endpoint = new Endpoint({ url, spell: spell('plain'), tls, ...options });
    try {
      await endpoint.deliver(event, AbortSignal.timeout(30_000));
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      throw error;
    } finally {
      endpoint.close();
    }
  }

  it('gets it', async () => {
    expect(await deliver({ ca: servers.cert, cert: registry.cert, key: registry.key })).to.equal(undefined);
    expect(names).to.deep.equal(['registry']);
  });

  it('does not get the event without one', async () => {
    expect(await deliver({ ca: servers.cert })).to.be.an('error');
    expect(names).to.deep.equal(['registry']);
  });

  it('is not trusted by a certificate of others', async () => {
    const error = await deliver({ ca: clients.cert, cert: registry.cert, key: registry.key });
    expect(error?.fault).to.equal('unavailable');
    expect(names).to.deep.equal(['registry']);
  });
});
