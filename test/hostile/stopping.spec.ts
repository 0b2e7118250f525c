import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bareManifest, contentOf, digestOf, noise } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { RegistryChild } from './registry-child.ts';

const MIB = 1024 * 1024;
const blobs = '/v2/library/app/blobs';
const manifest = '/v2/library/app/manifests/v1';

describe('A registry that is told to stop', () => {
  it('cuts clients that never finish after http.drainTimeout, exits with 0, and has lost nothing', async () => {
    const root = await mkdtemp(join(tmpdir(), 'entrepot-stopping-'));
    const settings = { http: { drainTimeout: 0.3 } };
    const sockets: Socket[] = [];
    let dripping: NodeJS.Timeout | undefined;
    try {
      const first = await RegistryChild.start({ storage: 'filesystem', root, settings });
      const client = new HttpClient(first.url);
      const layer = contentOf(noise(24 * MIB));
      const { bytes, mediaType, digest } = bareManifest('stopping');
      await client.post(`${blobs}/uploads/?digest=${layer.digest}`, { body: layer.bytes });
      const pushed = await client.put(manifest, { headers: { 'content-type': mediaType }, body: bytes });
      expect(pushed.status).to.equal(201);
      const upload = String((await client.post(`${blobs}/uploads/`)).headers.location);
      expect((await client.patch(upload, { body: noise(MIB, 2) })).status).to.equal(202);

      const sender = open(first.url, sockets);
      sender.write(
        `PATCH ${upload} HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIB}\r\nExpect: 100-continue\r\n\r\n`,
      );
      await readable(sender);
      dripping = setInterval(() => sender.write('a'), 10);
      const headers = open(first.url, sockets);
      headers.write('GET /v2/ HTTP/1.1\r\n');
      const reader = open(first.url, sockets);
      reader.write(`GET ${blobs}/${layer.digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await readable(reader);

      first.signal('SIGTERM');
      expect(await first.ended()).to.equal(0);
      expect(first.complaints).to.have.lengthOf(1);
      expect(first.complaints[0]).to.include({ msg: 'requests in flight were cut', requests: 2 });
      client.close();
      await first.stop();

      const second = await RegistryChild.start({ storage: 'filesystem', root, settings });
      const again = new HttpClient(second.url);
      expect(digestOf((await again.get(manifest)).body)).to.equal(digest);
      expect(digestOf((await again.get(`${blobs}/${layer.digest}`)).body)).to.equal(layer.digest);
      const status = await again.get(upload);
      expect(status.status).to.equal(204);
      expect(Number(/^0-(\d+)$/.exec(String(status.headers.range))?.[1])).to.be.at.least(MIB - 1);
      again.close();
      expect(await second.stop()).to.equal(0);
    } finally {
      clearInterval(dripping);
      for (const socket of sockets) socket.destroy();
      await rm(root, { recursive: true, force: true });
    }
  });
});

function open(url: string, sockets: Socket[]): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** Resolves when something has come, which nobody reads. */
function readable(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('readable', () => resolve());
  });
}
