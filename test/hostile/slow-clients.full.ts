import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { bareManifest, contentOf, digestOf, noise } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RegistryChild } from './registry-child.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const manifest = '/v2/library/app/manifests/v1';
const SLOW = 100;
/** Node's own limit for a request is 300 s. */
const SECONDS = 320;

interface SlowUpload {
  readonly socket: Socket;
  received: string;
}

describe('200 clients that send or read a byte a second', () => {
  const sockets: Socket[] = [];
  let registry: RegistryChild;
  let client: HttpClient;
  let dripping: NodeJS.Timeout | undefined;
  before(async () => {
    registry = await RegistryChild.start({ storage: 'filesystem' });
    client = new HttpClient(registry.url);
  });
  after(async () => {
    clearInterval(dripping);
    for (const socket of sockets) socket.destroy();
    client.close();
    expect(await registry.stop()).to.equal(0);
  });

  it('delay nobody, and may take longer than five minutes to send', async () => {
    const large = contentOf(noise(16 * MIB));
    const path = `${blobs}/uploads/?digest=${large.digest}`;
    expect((await client.post(path, { body: large.bytes })).status).to.equal(201);
    const { bytes, mediaType } = bareManifest('slow');
    const pushed = await client.put(manifest, { headers: { 'content-type': mediaType }, body: bytes });
    expect(pushed.status).to.equal(201);

    const alone = await work();
    const uploads = await Promise.all(Array.from({ length: SLOW }, beginSlowly));
    const readers = Array.from({ length: SLOW }, () => readSlowly(large.digest));
    const headers = open();
    let refusal = '';
    headers.setEncoding('latin1').on('data', (text: string) => (refusal += text));
    headers.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    dripping = setInterval(() => {
      for (const { socket } of uploads) socket.write('a');
      if (!headers.destroyed) headers.write('a');
      for (const reader of readers) reader.read(1);
    }, 1000);
    const began = performance.now();
    const beside = await work();
    process.stdout.write(
      `      p99 ${alone.p99.toFixed(1)} ms alone, ${beside.p99.toFixed(1)} ms beside them\n`,
    );

    while (performance.now() - began < SECONDS * 1000) {
      await setTimeout(1000);
      expect((await client.get(manifest)).status).to.equal(200);
    }
    clearInterval(dripping);
    expect(refusal).to.match(/^HTTP\/1\.1 408 .*\r\n\r\n\{"errors":/s);
    for (const { socket, received } of uploads) {
      expect([socket.destroyed, received]).to.deep.equal([false, '']);
      socket.write(Buffer.alloc(1000 - Math.min(1000, sentBy(socket)), 'a'));
    }
    for (const upload of uploads) {
      while (upload.received === '' && !upload.socket.destroyed) await setTimeout(10);
      expect(upload.received).to.match(/^HTTP\/1\.1 202 .*\r\nrange: 0-999\r\n/is);
    }
    expect(registry.complaints).to.deep.equal([]);
  }).timeout(900_000);

  const heads = new Map<Socket, number>();
  const sentBy = (socket: Socket): number => socket.bytesWritten - (heads.get(socket) ?? 0);

  /** Pulls and pushes for a while. Each has to succeed. */
  async function work(): Promise<{ readonly p99: number }> {
    const times: number[] = [];
    for (let index = 0; index < 2000; index += 1) {
      const began = performance.now();
      if (index % 10 === 0) {
        const bytes = noise(20_000, Math.floor(Math.random() * 2 ** 31));
        const answer = await client.post(`${blobs}/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
        expect(answer.status).to.equal(201);
      } else expect((await client.get(manifest)).status).to.equal(200);
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return { p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
  }

  async function beginSlowly(): Promise<SlowUpload> {
    const location = String((await client.post(`${blobs}/uploads/`)).headers.location);
    const upload: SlowUpload = { socket: open(), received: '' };
    upload.socket.setEncoding('latin1').on('data', (text: string) => (upload.received += text));
    const head = `PATCH ${location} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n`;
    heads.set(upload.socket, head.length);
    upload.socket.write(head);
    return upload;
  }

  /** Asks for a blob and takes next to nothing of it. */
  function readSlowly(digest: string): Socket {
    const socket = open();
    socket.on('readable', () => undefined);
    socket.write(`GET ${blobs}/${digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return socket;
  }

  function open(): Socket {
    const { hostname, port } = new URL(registry.url);
    const socket = connect({ host: hostname, port: Number(port) });
    // Who reads too slowly may be cut.
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }
});
