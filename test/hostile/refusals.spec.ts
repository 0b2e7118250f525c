import { connect as openSocket } from 'node:net';
import { createRegistry, type Registry, type RegistryConfig } from '@entrepot/core';
import { expect } from 'chai';
import storageMemory from '@entrepot/storage-memory';
import { bareManifest } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RawConnection, type RawAnswer } from '../oci/raw-connection.ts';
import { plugin } from '../oci/served-registry.ts';

const MIB = 1024 * 1024;
const host = 'Host: registry.example\r\n';
const unknownUpload = '/v2/library/app/blobs/uploads/0199ffff-0000-7000-8000-000000000000';

describe('A client that is refused', () => {
  const running: Registry[] = [];
  const opened: RawConnection[] = [];
  let url = '';
  before(async () => {
    url = await serve();
  });
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.destroy();
  });
  after(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  async function serve(...plugins: NonNullable<RegistryConfig['plugins']>): Promise<string> {
    const registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageMemory(), ...plugins],
    });
    running.push(registry);
    return (await registry.start()).url;
  }
  async function connect(to = url): Promise<RawConnection> {
    const connection = await RawConnection.open(to);
    opened.push(connection);
    return connection;
  }

  describe('while it sends 500 MiB reads why:', () => {
    const refusals: readonly [status: number, line: string][] = [
      [404, `PATCH ${unknownUpload}`],
      [413, 'PUT /v2/library/app/manifests/v1'],
      [405, 'PUT /v2/library/app/tags/list'],
      [404, 'PUT /elsewhere'],
      [401, 'POST /v2/library/app/blobs/uploads/'],
    ];
    for (const [status, line] of refusals) {
      it(`${status} to ${line}, and only a part is read`, async () => {
        const nobody = plugin('auth-nobody', (hooks, name) => {
          hooks.authenticate.tap(name, () => undefined);
        });
        const server = await serve(...(status === 401 ? [nobody] : []));
        const { received, sent } = await pour(
          server,
          `${line} HTTP/1.1\r\n${host}Content-Length: ${500 * MIB}\r\n\r\n`,
          500 * MIB,
        );
        expect(received).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
        expect(received).to.match(/\r\nconnection: close\r\n/i);
        expect(received).to.match(/\r\n\r\n\{"errors":\[\{"code":"[A-Z_]+",.*\}\]\}$/);
        expect(sent).to.be.lessThan(100 * MIB);
      });
    }
  });

  for (const closing of [[], ['Connection: close']]) {
    it(`reads why when it has sent all of 15 MiB${closing.length === 0 ? '' : ', although it wants to close'}`, async () => {
      const connection = await connect();
      connection.head(`PATCH ${unknownUpload} HTTP/1.1`, `Content-Length: ${15 * MIB}`, ...closing);
      await connection.deliver(Buffer.alloc(15 * MIB));
      expect((await connection.answer()).status).to.equal(404);
      if (closing.length > 0) return connection.closed();
      connection.send(`GET /v2/ HTTP/1.1\r\n${host}\r\n`);
      expect((await connection.answer()).status).to.equal(200);
    });
  }

  it('gets the answers to what it has sent behind the body, in order', async () => {
    const connection = await connect();
    connection.send(
      Buffer.concat([
        Buffer.from(`PATCH ${unknownUpload} HTTP/1.1\r\n${host}Content-Length: ${MIB}\r\n\r\n`),
        Buffer.alloc(MIB),
        Buffer.from(`GET /v2/ HTTP/1.1\r\n${host}\r\nGET /v2/nothing HTTP/1.1\r\n${host}\r\n`),
      ]),
    );
    for (const status of [404, 200, 404]) expect((await connection.answer()).status).to.equal(status);
  });

  it('for a body that is no chunked one gets the answers to what it has sent before', async () => {
    const connection = await connect();
    connection.send(
      `GET /v2/_catalog HTTP/1.1\r\n${host}\r\n` +
        `PUT /v2/library/app/manifests/v1 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nnone\r\n`,
    );
    expect((await connection.answer()).status).to.equal(200);
    const refusal = await connection.answer();
    expect([refusal.status, codesIn(refusal)]).to.deep.equal([400, 1]);
    await connection.closed();
  });

  it('for garbage gets the answers to what it has sent before, then why', async () => {
    const connection = await connect();
    connection.send(`GET /v2/_catalog HTTP/1.1\r\n${host}\r\nno request at all\r\n\r\n`);
    expect((await connection.answer()).body).to.equal('{"repositories":[]}');
    const refusal = await connection.answer();
    expect([refusal.status, codesIn(refusal)]).to.deep.equal([400, 1]);
    await connection.closed();
    expect(connection.rest).to.equal('');
  });

  it('for headers of 500 KiB reads why when it has sent them all', async () => {
    const connection = await connect();
    const head = `GET /v2/ HTTP/1.1\r\n${host}X-Long: ${'a'.repeat(500 * 1024)}\r\n\r\n`;
    await connection.deliver(Buffer.from(head));
    const refusal = await connection.answer();
    expect([refusal.status, codesIn(refusal)]).to.deep.equal([431, 1]);
    await connection.closed();
  });

  it('for a URL of 500 KiB reads why when it has sent it', async () => {
    const connection = await connect();
    await connection.deliver(Buffer.from(`GET /v2/${'a'.repeat(500 * 1024)} HTTP/1.1\r\n${host}\r\n`));
    expect((await connection.answer()).status).to.equal(431);
    await connection.closed();
  });

  const hosts: readonly [why: string, request: string, status: number][] = [
    ['without a host', 'GET /v2/ HTTP/1.1\r\n\r\n', 400],
    ['with two hosts', 'GET /v2/ HTTP/1.1\r\nHost: a\r\nhOst: b\r\n\r\n', 400],
    ['with two hosts in HTTP/1.0', 'GET /v2/ HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['without a host in HTTP/1.0, which needs none', 'GET /v2/ HTTP/1.0\r\n\r\n', 200],
  ];
  for (const [why, request, status] of hosts) {
    it(`for a request ${why}, gets ${status} with a body`, async () => {
      const connection = await connect();
      connection.send(request);
      const answer = await connection.answer();
      expect([answer.status, codesIn(answer)]).to.deep.equal([status, status === 200 ? 0 : 1]);
    });
  }

  it('when it asks for leave to send, is not taken to send what it sends next', async () => {
    for (const [line, expectation, status] of [
      ['PUT /elsewhere', '100-continue', 404],
      ['PUT /v2/nothing', '100-continue', 404],
      ['PUT /v2/nothing', 'tea', 417],
    ] as const) {
      const connection = await connect();
      connection.head(`${line} HTTP/1.1`, 'Content-Length: 9', `Expect: ${expectation}`);
      const answer = await connection.answer();
      expect([answer.status, answer.headers.get('connection')]).to.deep.equal([status, 'close']);
      await connection.closed();
    }
  });

  it('for a tunnel reads that there is none', async () => {
    const connection = await connect();
    connection.send(`CONNECT registry.example:443 HTTP/1.1\r\n${host}\r\nGET /v2/ HTTP/1.1\r\n${host}\r\n`);
    const answer = await connection.answer();
    expect([answer.status, codesIn(answer)]).to.deep.equal([405, 1]);
    await connection.closed();
    expect(connection.rest).to.equal('');
  });

  it('is not refused for the number of its headers: none is left out', async () => {
    const client = new HttpClient(url);
    const { bytes, digest, mediaType } = bareManifest('headers');
    const path = '/v2/library/app/manifests/v1';
    await client.put(path, { headers: { 'content-type': mediaType }, body: bytes });
    client.close();
    const connection = await connect();
    const many = Array.from({ length: 3000 }, () => 'a:');
    connection.head(`GET ${path} HTTP/1.1`, ...many, `If-None-Match: "${digest}"`);
    expect((await connection.answer()).status).to.equal(304);
  });
});

/** Sends a head and bytes as fast as they are taken, and reads meanwhile, until the other side closes. */
async function pour(
  url: string,
  head: string,
  bytes: number,
): Promise<{ readonly received: string; readonly sent: number }> {
  const { hostname, port } = new URL(url);
  const socket = openSocket({ host: hostname, port: Number(port) });
  let received = '';
  let sent = 0;
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.write(head);
  const piece = Buffer.alloc(MIB);
  const send = (): void => {
    if (sent >= bytes || socket.destroyed) return;
    socket.write(piece, (error) => {
      if (error) return;
      sent += piece.length;
      send();
    });
  };
  send();
  await new Promise<void>((resolve) => {
    // A reset is one of the ways in which the other side closes.
    socket.on('error', () => undefined).on('close', () => resolve());
  });
  return { received, sent };
}

function codesIn({ body }: RawAnswer): number {
  return body.match(/^\{"errors":\[\{"code":"[A-Z_]+","message":"[^"]+"/)?.length ?? 0;
}
