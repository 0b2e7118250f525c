import { X509Certificate } from 'node:crypto';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import authMtls from '@entrepot/auth-mtls';
import { createRegistry, type Registry, type RegistryConfig } from '@entrepot/core';
import { definePlugin, RegistryError, type Identity } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createCa, issueCertificate, type Certificate } from '../servers/certificates.ts';

const ca = createCa('Servers');
const clientCa = createCa('Clients');
const server = issueCertificate({ subject: { CN: 'registry' }, names: ['IP:127.0.0.1'], issuer: ca });
const alice = issueCertificate({
  subject: { CN: 'alice', OU: ['ops', 'dev'] },
  names: ['email:alice@example.com', 'DNS:a.example.com', 'DNS:b.example.com', 'URI:spiffe://x/a, DNS:evil'],
  issuer: clientCa,
  use: 'client',
});

describe('Client certificates', () => {
  let folder: string;
  const running: Registry[] = [];
  const agents: Agent[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-certificates-'));
    const files = { 'server.crt': server.cert, 'server.key': server.key, 'clients.crt': clientCa.cert };
    for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.destroy();
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Knows bob's password, and tells whom the registry has found. */
  const others = (found: (Identity | undefined)[]) =>
    definePlugin<Record<string, never>>({
      name: 'others',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup({ name, hooks }) {
        hooks.authenticate.tap(name, ({ basic }) => {
          if (basic === undefined) return undefined;
          if (basic.password !== 'builder') throw new RegistryError('UNAUTHORIZED');
          return { subject: basic.username };
        });
        hooks.authorize.tap(name, ({ identity }) => {
          found.push(identity);
          return identity !== undefined;
        });
      },
    })();

  async function serve(options: Parameters<typeof authMtls>[0] = {}, http: RegistryConfig['http'] = {}) {
    const found: (Identity | undefined)[] = [];
    const registry = await createRegistry({
      http: {
        port: 0,
        tls: {
          cert: join(folder, 'server.crt'),
          key: join(folder, 'server.key'),
          clientCa: join(folder, 'clients.crt'),
        },
        ...http,
      },
      log: { level: 'silent' },
      plugins: [storageMemory(), authMtls(options), others(found)],
    });
    running.push(registry);
    const { url } = await registry.start();
    /** The status of a pull, and whom the registry has taken who asks for. */
    const pull = async (
      shown?: Pick<Certificate, 'cert' | 'key'>,
      headers: Readonly<Record<string, string>> = {},
      agent: Agent | false = false,
    ) => {
      found.length = 0;
      const options = { ca: ca.cert, ...(shown && { cert: shown.cert, key: shown.key }), headers, agent };
      const asking = request(`${url}/v2/a/tags/list`, options).end();
      const answered = Promise.withResolvers<IncomingMessage>();
      asking.on('response', answered.resolve).on('error', answered.reject);
      const answer = await answered.promise;
      const { socket } = asking;
      const isResumed = isTls(socket) && socket.isSessionReused();
      await text(answer);
      return { status: answer.statusCode, identity: found.at(-1), socket, isResumed };
    };
    return { pull };
  }

  it('say who is asking', async () => {
    const { pull } = await serve();
    expect(await pull(alice)).to.deep.include({ status: 404, identity: { subject: 'alice' } });
  });

  it('say it by an alternative name, if they have one of that kind, whatever stands in it', async () => {
    const uri = await serve({ name: 'uri' });
    expect(await uri.pull(alice)).to.deep.include({ identity: { subject: 'spiffe://x/a, DNS:evil' } });
    const email = await serve({ name: 'email' });
    expect(await email.pull(alice)).to.deep.include({ identity: { subject: 'alice@example.com' } });
    const two = await serve({ name: 'dnsName' });
    expect(await two.pull(alice)).to.include({ status: 401 });
  });

  it('bring groups, if they are asked for them', async () => {
    const { pull } = await serve({ groups: true });
    expect((await pull(alice)).identity).to.deep.equal({ subject: 'alice', groups: ['ops', 'dev'] });
  });

  it('say who is asking by a list of users, and then nobody else is known', async () => {
    const bob = issueCertificate({ subject: { CN: 'bob' }, issuer: clientCa });
    const { pull } = await serve({ users: { alice: 'alice.liddell' } });
    expect((await pull(alice)).identity).to.deep.equal({ subject: 'alice.liddell' });
    expect(await pull(bob)).to.include({ status: 401 });
  });

  it('are known by their fingerprint as well, which is no name', async () => {
    const { fingerprint256 } = new X509Certificate(alice.cert);
    const fingerprint = `sha256:${fingerprint256.replaceAll(':', '').toLowerCase()}`;
    const { pull } = await serve({ users: { [fingerprint]: 'admin' } });
    expect((await pull(alice)).identity).to.deep.equal({ subject: 'admin' });
    const imposter = issueCertificate({ subject: { CN: fingerprint }, issuer: clientCa });
    expect(await pull(imposter)).to.include({ status: 401 });
  });

  it('count for nothing when another CA has issued them, they have expired, or are for servers', async () => {
    const { pull } = await serve();
    for (const wrong of [
      undefined,
      issueCertificate({ subject: { CN: 'alice' } }),
      issueCertificate({ subject: { CN: 'alice' }, issuer: ca }),
      issueCertificate({ subject: { CN: 'alice' }, issuer: clientCa, validTo: Date.now() - 1000 }),
      issueCertificate({ subject: { CN: 'alice' }, issuer: clientCa, use: 'server' }),
      issueCertificate({ subject: { CN: ['alice', 'admin'] }, issuer: clientCa }),
      issueCertificate({ subject: {}, issuer: clientCa }),
    ]) {
      expect(await pull(wrong)).to.include({ status: 401, identity: undefined });
    }
  });

  it('count no more when they expire on an open connection', async () => {
    const { pull } = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    const first = await pull(alice, {}, agent);
    expect(first.identity).to.deep.equal({ subject: 'alice' });
    const { now } = Date;
    Date.now = () => now() + 2 * 24 * 60 * 60 * 1000;
    try {
      const second = await pull(alice, {}, agent);
      expect(second).to.include({ status: 401, socket: first.socket });
    } finally {
      Date.now = now;
    }
  });

  it('say nothing for a session that is resumed and had none', async () => {
    const { pull } = await serve();
    const agent = new Agent({ maxCachedSessions: 1, maxSockets: 1 });
    agents.push(agent);
    const first = await pull(undefined, {}, agent);
    expect(first).to.include({ status: 401, isResumed: false });
    expect(await pull(undefined, {}, agent)).to.include({ status: 401, isResumed: true });
  });

  it('give way to a password, right or wrong', async () => {
    const { pull } = await serve();
    const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
    expect((await pull(alice, basic('bob:builder'))).identity).to.deep.equal({ subject: 'bob' });
    expect(await pull(alice, basic('bob:wrong'))).to.include({ status: 401, identity: undefined });
    expect(await pull(alice, { authorization: 'Bearer x' })).to.include({ status: 401 });
  });

  it('are those of a proxy, not of its clients, when it is a trusted one that shows them', async () => {
    const { pull } = await serve({}, { trustedProxies: ['127.0.0.1'] });
    expect(await pull(alice)).to.include({ status: 401 });
  });
});

function isTls(socket: unknown): socket is TLSSocket {
  return typeof socket === 'object' && socket !== null && 'isSessionReused' in socket;
}
