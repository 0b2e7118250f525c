import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createRegistry, type Registry } from '@entrepot/core';
import { expect } from 'chai';
import storageMemory from '@entrepot/storage-memory';
import { contentOf, noise } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RawConnection } from '../oci/raw-connection.ts';
import { Backend } from './troubled-driver.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
/** Seconds. */
const idleTimeout = 0.4;

describe('A client that is slow', () => {
  const backend = new Backend();
  const large = contentOf(noise(16 * MIB));
  let registry: Registry;
  let client: HttpClient;
  before(async () => {
    registry = await createRegistry({
      http: { port: 0, idleTimeout },
      log: { level: 'silent' },
      plugins: [storageMemory(), backend.plugin],
    });
    client = new HttpClient((await registry.start()).url);
    const path = `${blobs}/uploads/?digest=${large.digest}`;
    expect((await client.post(path, { body: large.bytes })).status).to.equal(201);
  });
  after(async () => {
    client.close();
    await registry.stop();
  });

  it('but moves may take many times the idle time to send', async () => {
    const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    const connection = await RawConnection.open(client.url);
    connection.head(`PATCH ${upload} HTTP/1.1`, 'Content-Length: 12');
    for (let sent = 0; sent < 12; sent += 1) {
      await setTimeout(100);
      connection.send('a');
    }
    const answer = await connection.answer();
    expect([answer.status, answer.headers.get('range')]).to.deep.equal([202, '0-11']);
    connection.destroy();
  });

  it('but moves may take many times the idle time to read', async () => {
    const socket = await ask(`${blobs}/${large.digest}`);
    let received = 0;
    while (received < large.bytes.length) {
      await setTimeout(100);
      received += await take(socket, MIB);
    }
    socket.destroy();
  });

  it('and sends nothing any more is cut; what has come of its upload is kept', async () => {
    const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    const connection = await RawConnection.open(client.url);
    connection.head(`PATCH ${upload} HTTP/1.1`, `Content-Length: ${2 * MIB}`);
    connection.send(noise(MIB));
    await connection.closed();
    expect(connection.rest).to.equal('');
    let status = await client.get(upload);
    while (status.headers.range === '0-0') status = await client.get(upload);
    expect([status.status, status.headers.range]).to.deep.equal([204, `0-${MIB - 1}`]);
  });

  it('and sends no more of its headers is cut', async () => {
    const connection = await RawConnection.open(client.url);
    connection.send('GET /v2/ HTTP/1.1\r\nHost:');
    await connection.closed();
  });

  it('and reads nothing any more is cut, and nothing is held for it', async () => {
    const socket = await ask(`${blobs}/${large.digest}`);
    await take(socket, 1);
    while (backend.open === 0) await setTimeout(1);
    while (backend.open > 0) await setTimeout(10);
    let received = 0;
    for (let more = await take(socket, MIB); more > 0; more = await take(socket, MIB)) received += more;
    expect(received).to.be.lessThan(large.bytes.length);
  });

  async function ask(path: string): Promise<Socket> {
    const { hostname, port } = new URL(client.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: registry.example\r\nConnection: close\r\n\r\n`);
    return socket;
  }
});

/** Takes about so many bytes from a connection and leaves the rest where it is. 0 when the other side has closed. */
async function take(socket: Socket, bytes: number): Promise<number> {
  let taken = 0;
  while (taken < bytes) {
    const chunk: unknown = socket.read();
    if (Buffer.isBuffer(chunk)) taken += chunk.length;
    else if (socket.closed || socket.readableEnded) break;
    else
      await new Promise<void>((resolve) => {
        const go = (): void => {
          socket.off('readable', go).off('close', go).off('end', go);
          resolve();
        };
        socket.on('readable', go).on('close', go).on('end', go);
      });
  }
  return taken;
}
