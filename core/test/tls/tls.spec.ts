import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { Agent, request as askSecurely } from 'node:https';
import { request as askPlainly, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectPlainly } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Plugin } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createCa, issueCertificate, type Certificate } from '../../../test/servers/certificates.ts';
import type { RegistryConfig } from '../../src/config/define-config.ts';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { Tls } from '../../src/tls/tls.ts';
import { keepLog, errorOf, type KeptLog } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';
import { rejectionOf } from '../rejection.ts';
import { createScratchFolder, type ScratchFolder } from '../scratch-folder.ts';

const ca = createCa('Test CA');
const clientCa = createCa('Client CA');
const names = ['DNS:localhost', 'IP:127.0.0.1'];
const issue = (CN: string): Certificate =>
  issueCertificate({ subject: { CN }, names, issuer: ca, use: 'server' });

type HttpSettings = NonNullable<RegistryConfig['http']>;

describe('TLS', () => {
  let folder: ScratchFolder;
  let kept: KeptLog;
  const running: Registry[] = [];
  beforeEach(async () => {
    folder = await createScratchFolder();
    kept = await keepLog();
    await put('first', issue('first'));
    await writeFile(path('client-ca.pem'), clientCa.cert);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((registry) => registry.stop()));
    await folder.remove();
  });

  const path = (name: string): string => join(folder.path, name);
  const files = (name = 'first') => ({ cert: path(`${name}.crt`), key: path(`${name}.key`) });

  async function put(name: string, { cert, key }: Certificate): Promise<void> {
    await writeFile(path(`${name}.crt`), cert);
    await writeFile(path(`${name}.key`), key);
  }

  async function serve(http: HttpSettings = {}, ...plugins: readonly Plugin[]) {
    const config = { http: { port: 0, tls: files(), ...http }, plugins: [storageMemory(), ...plugins] };
    const registry = await createRegistry(config, { log: kept.log });
    running.push(registry);
    return { registry, ...(await registry.start()) };
  }

  /** The common name of the certificate that a new connection is shown. */
  async function shownAt(port: number, options: ConnectionOptions = {}): Promise<unknown> {
    const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ...options });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  }

  async function refusalAt(port: number, options: ConnectionOptions): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ...options });
    const refused = Promise.withResolvers<Error>();
    socket.on('error', refused.resolve).on('secureConnect', () => refused.reject(new Error('it was let in')));
    const error = await refused.promise;
    return 'code' in error ? String(error.code) : error.message;
  }

  describe('of a registry that has a certificate', () => {
    it('speaks https on its port and says so, and no plain HTTP', async () => {
      const { url, port } = await serve();
      expect(url).to.equal(`https://127.0.0.1:${port}`);
      expect(kept.lines.find(({ msg }) => msg === 'the registry serves')).to.include({ url });
      expect(await ask(`${url}/v2/`)).to.include({ status: 200, body: '{}' });
      const plain = connectPlainly(port, '127.0.0.1').end('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(await text(plain)).to.not.include('HTTP/1.1 200');
      expect(await ask(`${url}/v2/`)).to.include({ status: 200 });
    });

    it('speaks TLS 1.2 and 1.3, without ciphers that have no forward secrecy', async () => {
      const { port } = await serve();
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        expect(await shownAt(port, { minVersion: version, maxVersion: version })).to.equal('first');
      }
      const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
      expect(await refusalAt(port, old)).to.match(/^(ERR_SSL_|EPROTO|ECONNRESET)/);
      const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA' } as const;
      expect(await refusalAt(port, weak)).to.match(/^(ERR_SSL_|EPROTO|ECONNRESET)/);
    });

    it('speaks HTTP/1.1 with clients that would rather speak HTTP/2', async () => {
      const { port } = await serve();
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ALPNProtocols: ['h2', 'http/1.1'] });
      await once(socket, 'secureConnect');
      expect(socket.alpnProtocol).to.equal('http/1.1');
      socket.destroy();
    });

    it('speaks TLS 1.3 alone if it is told to', async () => {
      const { port } = await serve({ tls: { ...files(), minVersion: 'TLSv1.3' } });
      expect(await refusalAt(port, { maxVersion: 'TLSv1.2' })).to.match(/^(ERR_SSL_|EPROTO|ECONNRESET)/);
    });

    it('answers what is no HTTP as a registry without TLS does', async () => {
      const { port } = await serve();
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
      await once(socket, 'secureConnect');
      socket.end('what is this?\r\n\r\n');
      expect(await text(socket)).to.match(/^HTTP\/1\.1 400 .*"UNSUPPORTED"/s);
    });

    it('closes a connection without progress', async () => {
      const { port } = await serve({ idleTimeout: 0.05 });
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert });
      await once(socket, 'secureConnect');
      socket.write('GET /v2/ HTTP/1.1\r\n');
      socket.resume();
      await once(socket, 'close');
    });

    it('stops although somebody has connected and says nothing', async () => {
      const { registry, port } = await serve({ drainTimeout: 0 });
      const silent = connectPlainly(port, '127.0.0.1');
      await once(silent, 'connect');
      await shownAt(port); // Connections are taken in their order: by now the silent one has been.
      const closed = once(silent, 'close');
      await registry.stop();
      await closed;
    });

    it('lets clients in without a certificate where one is only asked for', async () => {
      const { port } = await serve({ tls: { ...files(), clientCa: path('client-ca.pem') } });
      expect(await shownAt(port)).to.equal('first');
      const stranger = issueCertificate({ subject: { CN: 'stranger' } });
      expect(await shownAt(port, stranger)).to.equal('first');
    });

    it('lets only those in whose certificate a client CA has issued, where one is required', async () => {
      const { url } = await serve({
        tls: { ...files(), clientCa: path('client-ca.pem'), clientAuth: 'require' },
      });
      const known = issueCertificate({ subject: { CN: 'alice' }, issuer: clientCa, use: 'client' });
      expect(await ask(`${url}/v2/`, known)).to.include({ status: 200 });
      const past = { subject: { CN: 'alice' }, issuer: clientCa, validTo: Date.now() - 1000 };
      for (const wrong of [
        {},
        issueCertificate({ subject: { CN: 'alice' } }),
        issueCertificate({ subject: { CN: 'alice' }, issuer: ca }),
        issueCertificate({ subject: { CN: 'alice' }, issuer: clientCa, use: 'server' }),
        issueCertificate(past),
      ]) {
        // With TLS 1.3 a client hears of the refusal of its certificate after it has connected.
        expect(await rejectionOf(ask(`${url}/v2/`, wrong)))
          .to.have.property('code')
          .that.matches(/^(ERR_SSL_|EPROTO|ECONNRESET|EPIPE)/);
      }
    });
  });

  describe('whose files change', () => {
    async function open(): Promise<{ tls: Tls; port: number; close: () => Promise<void> }> {
      const tls = new Tls(
        { ...files(), clientAuth: 'request', minVersion: 'TLSv1.2', ciphers: 'TLS_AES_128_GCM_SHA256' },
        kept.log,
      );
      const server = tls.createServer({});
      server.on('request', (_request, response) => response.end('served'));
      await tls.open();
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      return {
        tls,
        port,
        close: async () => {
          const closed = once(server, 'close');
          server.close();
          tls.close();
          await closed;
        },
      };
    }
    const messages = (): unknown[] => kept.lines.map(({ msg }) => msg);

    it('shows the new certificate to new connections, and keeps those that are open', async () => {
      const { tls, port, close } = await open();
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.cert });
      const first = await ask(`https://127.0.0.1:${port}/`, { agent });
      await put('first', issue('second'));
      await tls.refresh();
      expect(await shownAt(port), 'as long as the change may not be over').to.equal('first');
      await tls.refresh();
      expect(await shownAt(port)).to.equal('second');
      const again = await ask(`https://127.0.0.1:${port}/`, { agent });
      expect(again).to.deep.include({ status: 200, body: 'served', socket: first.socket });
      expect(messages()).to.include('a certificate is shown');
      agent.destroy();
      await close();
    });

    it('shows the old one as long as the new one is broken, and says so once', async () => {
      const { tls, port, close } = await open();
      const next = issue('third');
      await writeFile(path('first.crt'), next.cert); // Its key comes later.
      for (let look = 0; look < 4; look += 1) await tls.refresh();
      expect(await shownAt(port)).to.equal('first');
      const complaints = kept.lines.filter(({ level }) => level === 'error');
      expect(complaints.map(errorOf)).to.deep.equal([
        'http.tls.key is not the key of the certificate in http.tls.cert',
      ]);
      await rm(path('first.key'));
      for (let look = 0; look < 3; look += 1) await tls.refresh();
      expect(await shownAt(port)).to.equal('first');
      await writeFile(path('new.key'), next.key);
      await rename(path('new.key'), path('first.key'));
      for (let look = 0; look < 2; look += 1) await tls.refresh();
      expect(await shownAt(port)).to.equal('third');
      await close();
    });
  });

  describe('with a certificate that a plugin gives', () => {
    /** A plugin that shows what it is told to, and has a proof for one path. */
    function giving(name = 'giving') {
      let use: ((certificate: Certificate) => void) | undefined;
      const give = plugin(name, ({ hooks }) => {
        hooks.certificate.tap(name, () => ({
          follow: (take) => void (use = take),
          answer: async (asked) => (asked === '/.well-known/proof' ? 'the proof' : undefined),
        }));
      });
      return { give, show: (certificate: Certificate) => use?.(certificate) };
    }
    const shownTimes = (): number => kept.lines.filter(({ msg }) => msg === 'a certificate is shown').length;
    async function untilShown(times: number): Promise<void> {
      while (shownTimes() < times) await new Promise(setImmediate);
    }

    it('lets nobody in before there is one, and shows each that it gives', async () => {
      const { give, show } = giving();
      const { port } = await serve({ tls: {} }, give);
      expect(await refusalAt(port, {})).to.match(/^(ERR_SSL_|EPROTO|ECONNRESET)/);
      for (const [times, CN] of ['first', 'second'].entries()) {
        show(issue(CN));
        await untilShown(times + 1);
        expect(await shownAt(port)).to.equal(CN);
      }
      show({ ...issue('third'), key: issue('other').key });
      while (!kept.lines.some(({ level }) => level === 'error')) await new Promise(setImmediate);
      expect(await shownAt(port)).to.equal('second');
    });

    it('asks clients for certificates of the CAs in a file', async () => {
      const { give, show } = giving();
      const tls = { clientCa: path('client-ca.pem'), clientAuth: 'require' } as const;
      const { url } = await serve({ tls }, give);
      show(issue('given'));
      await untilShown(1);
      const known = issueCertificate({ subject: { CN: 'alice' }, issuer: clientCa });
      expect(await ask(`${url}/v2/`, known)).to.include({ status: 200 });
      expect(await rejectionOf(ask(`${url}/v2/`))).to.be.an('error');
    });

    it('answers on plain HTTP what the plugin has to say, and redirects all else', async () => {
      const { give } = giving();
      await serve({ tls: {}, redirectPort: 0 }, give);
      const line = kept.lines.find(({ msg }) => msg === 'plain HTTP is redirected to https');
      const plainPort = Number(line?.['port']);
      const proof = await plain(plainPort, { path: '/.well-known/proof' });
      expect([proof.status, proof.body]).to.deep.equal([200, 'the proof']);
      expect(await plain(plainPort, { path: '/.well-known/other' })).to.include({ status: 308 });
    });

    it('is not made when files give another, when TLS is off, or when two plugins give one', async () => {
      const { give } = giving();
      for (const [http, plugins, reason] of [
        [{ tls: files() }, [give], 'http.tls has cert or key, and a plugin gives a certificate as well'],
        [{}, [give], 'a plugin gives a certificate: it needs http.tls'],
        [{ tls: {} }, [], 'http.tls needs cert and key, or a plugin that gives a certificate'],
        [
          { tls: {} },
          [give, giving('another').give],
          'more than one plugin gives a certificate: giving, another',
        ],
      ] as const) {
        const config = { http, plugins: [storageMemory(), ...plugins] };
        const error = await rejectionOf(createRegistry(config, { log: kept.log }));
        expect(error).to.be.an('error').with.property('message').that.includes(reason);
      }
    });
  });

  describe('with files that are no good', () => {
    const cases: readonly [title: string, spoil: () => Promise<HttpSettings>, reason: RegExp][] = [
      [
        'a certificate that is not there',
        async () => ({ tls: { ...files(), cert: path('none.crt') } }),
        /^http\.tls\.cert: .*none\.crt cannot be read: ENOENT/,
      ],
      [
        'a key that is not there',
        async () => ({ tls: { ...files(), key: path('none.key') } }),
        /^http\.tls\.key: .*none\.key cannot be read: ENOENT/,
      ],
      [
        'a certificate that is none',
        async () => ({ tls: { ...files(), cert: path('first.key') } }),
        /^http\.tls\.cert: the file has no certificate in PEM/,
      ],
      [
        'a damaged certificate',
        async () => {
          const { cert } = issue('damaged');
          await writeFile(path('damaged.crt'), cert.replace(/\n[^-\n]{20}/, '\n'));
          return { tls: { ...files(), cert: path('damaged.crt') } };
        },
        /^http\.tls\.cert: a certificate in the file is damaged/,
      ],
      [
        'a key that is none',
        async () => ({ tls: { ...files(), key: path('first.crt') } }),
        /^http\.tls\.key: the file has no private key in PEM/,
      ],
      [
        'the key of another certificate',
        async () => {
          await put('other', issue('other'));
          return { tls: { ...files(), key: path('other.key') } };
        },
        /^http\.tls\.key is not the key of the certificate/,
      ],
      [
        'client CAs that are none',
        async () => ({ tls: { ...files(), clientCa: path('first.key') } }),
        /^http\.tls\.clientCa: the file has no certificate in PEM/,
      ],
      [
        'ciphers that nobody knows',
        async () => ({ tls: { ...files(), ciphers: 'ROT13' } }),
        /^http\.tls\.ciphers: OpenSSL knows none of them/,
      ],
    ];
    for (const [title, spoil, reason] of cases) {
      it(`does not start: ${title}`, async () => {
        const http = await spoil();
        const error = await rejectionOf(serve(http));
        expect(error).to.be.an('error').with.property('message').that.matches(reason);
      });
    }

    for (const [setting, http] of [
      ['http.redirectPort needs http.tls', { redirectPort: 0 }],
      ["http.tls.clientAuth: 'require' needs http.tls.clientCa", { tls: { clientAuth: 'require' } }],
      ['http.redirectTo needs http.redirectPort', { redirectTo: 'https://registry.example.com' }],
    ] as const) {
      it(`is refused before anything is read: ${setting}`, async () => {
        const tls = 'tls' in http ? { tls: { ...files(), ...http.tls } } : {};
        const config = { http: { ...http, ...tls }, plugins: [storageMemory()] };
        const error = await rejectionOf(createRegistry(config, { log: kept.log }));
        expect(error).to.be.an('error').with.property('message').that.includes(setting);
      });
    }

    it('warns of a certificate that expires soon, or has expired', async () => {
      const day = 24 * 60 * 60 * 1000;
      for (const [validTo, warning] of [
        [Date.now() + 5 * day, 'the certificate expires soon'],
        [Date.now() - day, 'the certificate has expired: no client will connect'],
      ] as const) {
        await put('first', issueCertificate({ subject: { CN: 'late' }, names, issuer: ca, validTo }));
        await serve();
        expect(kept.lines.map(({ msg }) => msg)).to.include(warning);
      }
    });
  });

  describe('beside a port for plain HTTP', () => {
    async function redirecting(http: HttpSettings = {}) {
      const served = await serve({ redirectPort: 0, ...http });
      const line = kept.lines.find(({ msg }) => msg === 'plain HTTP is redirected to https');
      return { ...served, plainPort: Number(line?.['port']) };
    }

    it('sends every request to https, with its path and query, and reads no body', async () => {
      const { port, plainPort } = await redirecting();
      for (const [method, target] of [
        ['GET', '/v2/'],
        ['HEAD', '/v2/a/b/manifests/v1?x=%2F'],
        ['POST', '/v2/a/b/blobs/uploads/'],
        ['GET', '//elsewhere.example.com/'],
        ['GET', '/livez'],
        ['GET', 'http://localhost/v2/'],
      ] as const) {
        const answer = await plain(plainPort, { method, path: target, headers: { host: 'localhost:80' } });
        expect(answer.status, target).to.equal(308);
        const expected = target.replace(/^http:\/\/localhost/, '');
        expect(answer.headers.location).to.equal(`https://localhost:${port}${expected}`);
        expect(answer.headers.connection).to.equal('close');
        expect(answer.body).to.equal('');
      }
    });

    it('sends them where the settings say', async () => {
      const { plainPort } = await redirecting({ redirectTo: 'https://registry.example.com' });
      const answer = await plain(plainPort, { path: '/v2/', headers: { host: 'anything' } });
      expect(answer.headers.location).to.equal('https://registry.example.com/v2/');
    });

    it('refuses hosts and paths that are none', async () => {
      const { plainPort } = await redirecting();
      for (const [host, target] of [
        ['a b', '/'],
        ['evil.example.com/', '/'],
        ['user@evil.example.com', '/'],
        ['localhost', '*'],
        [':80', '/'],
      ] as const) {
        const answer = await plain(plainPort, { method: 'OPTIONS', path: target, headers: { host } });
        expect(answer.status, host).to.equal(400);
        expect(answer.headers.location).to.equal(undefined);
      }
    });

    it('is closed with the registry, and when the registry cannot start', async () => {
      const { registry, plainPort } = await redirecting();
      const error = await rejectionOf(serve({ redirectPort: plainPort }));
      expect(error)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/^port \d+ of 127\.0\.0\.1 is in use; .* http\.redirectPort$/);
      await registry.stop();
      expect(await rejectionOf(plain(plainPort, { path: '/' }))).to.have.property('code', 'ECONNREFUSED');
    });
  });

  interface Answered {
    readonly status: number | undefined;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
    readonly socket: unknown;
  }

  async function ask(url: string, options: RequestOptions & ConnectionOptions = {}): Promise<Answered> {
    return answered(askSecurely(url, { ca: ca.cert, agent: false, ...options }).end());
  }

  async function plain(port: number, options: RequestOptions): Promise<Answered> {
    return answered(askPlainly({ host: '127.0.0.1', port, agent: false, ...options }).end());
  }

  async function answered(asking: ReturnType<typeof askPlainly>): Promise<Answered> {
    const answer = Promise.withResolvers<IncomingMessage>();
    asking.on('response', answer.resolve).on('error', answer.reject);
    const response = await answer.promise;
    const { socket } = asking;
    return { status: response.statusCode, headers: response.headers, body: await text(response), socket };
  }
});
