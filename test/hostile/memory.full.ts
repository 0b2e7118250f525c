import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { bareManifest, noise, types } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RawConnection } from '../oci/raw-connection.ts';
import { RegistryChild } from './registry-child.ts';

const MIB = 1024 * 1024;
const length = 512 * MIB;
const bound = 256 * MIB;
const blobs = '/v2/library/app/blobs';

describe('The memory of a registry', () => {
  let registry: RegistryChild;
  let client: HttpClient;
  before(async () => {
    registry = await RegistryChild.start({ storage: 'filesystem' });
    client = new HttpClient(registry.url);
  });
  after(async () => {
    client.close();
    const code = await registry.stop();
    expect(code).to.equal(0);
    expect(registry.complaints).to.deep.equal([]);
  });

  it('is that of its buffers while a manifest of 4 MiB comes in single bytes', async () => {
    const { bytes } = bareManifest('single bytes');
    const connection = await RawConnection.open(registry.url);
    connection.head(
      'PUT /v2/library/app/manifests/v1 HTTP/1.1',
      `Content-Type: ${types.manifest}`,
      'Transfer-Encoding: chunked',
    );
    const blank = Buffer.from('1\r\n \r\n'.repeat(64 * 1024));
    for (const byte of bytes) connection.send(`1\r\n${String.fromCharCode(byte)}\r\n`);
    for (let sent = 0; sent < 63; sent += 1) await connection.deliver(blank);
    connection.send('0\r\n\r\n');
    expect((await connection.answer()).status).to.equal(201);
    connection.destroy();
    expect(await registry.memory('VmHWM')).to.be.lessThan(bound);
  });

  it('stays below 256 MiB while 8 clients push and 8 pull 512 MiB each', async () => {
    const first = await push(0);
    const indexes = Array.from({ length: 8 }, (_, index) => index + 1);
    const pushes = indexes.map(push);
    const pulls = indexes.map(() => pull(first));
    const digests = await Promise.all(pushes);
    for (const pulled of await Promise.all(pulls)) expect(pulled).to.equal(first);
    for (const digest of digests) {
      const head = await client.head(`${blobs}/${digest}`);
      expect([head.status, head.headers['content-length']]).to.deep.equal([200, String(length)]);
    }
    const highest = await registry.memory('VmHWM');
    process.stdout.write(`      at most ${Math.round(highest / MIB)} MiB\n`);
    expect(highest).to.be.lessThan(bound);
  }).timeout(900_000);

  /** Pushes 512 MiB that no other push has, in one chunk, and gives their digest. */
  async function push(index: number): Promise<string> {
    const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
    const hash = createHash('sha256');
    const { hostname, port } = new URL(registry.url);
    const sending = request({ host: hostname, port, method: 'PATCH', path: upload });
    const answered: Promise<readonly unknown[]> = once(sending, 'response');
    const piece = noise(MIB, index + 1);
    for (let sent = 0; sent < length; sent += piece.length) {
      hash.update(piece);
      // Its own memory: what has been handed over is not to change.
      if (!sending.write(Buffer.from(piece))) await once(sending, 'drain');
    }
    sending.end();
    const [answer] = await answered;
    if (!isMessage(answer)) throw new Error('there was no answer');
    answer.resume();
    expect(answer.statusCode).to.equal(202);
    const digest = `sha256:${hash.digest('hex')}`;
    expect((await client.put(`${upload}?digest=${digest}`)).status).to.equal(201);
    return digest;
  }

  /** Pulls a blob and gives the digest of what came. */
  async function pull(digest: string): Promise<string> {
    const { body } = await fetch(`${registry.url}${blobs}/${digest}`);
    const hash = createHash('sha256');
    for await (const chunk of body ?? []) if (chunk instanceof Uint8Array) hash.update(chunk);
    return `sha256:${hash.digest('hex')}`;
  }
});

function isMessage(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value;
}
