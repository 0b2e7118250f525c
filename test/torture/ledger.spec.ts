import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Client } from './client.ts';
import { Gate } from './gate.ts';
import { contentOf, Ledger } from './ledger.ts';
import { imageOf, putManifest } from './manifests.ts';
import { Random } from './random.ts';
import { Replicas } from './replicas.ts';

describe('The ledger of the torture', () => {
  it('knows of a manifest whose push has waited while audits forgot that it was absent', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-ledger-'));
    const replicas = await Replicas.on({ folder, processes: 1, workers: 1 });
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(201).end());
    });
    server.listen(replicas.all[0]?.port, '127.0.0.1');
    await once(server, 'listening');

    const ledger = new Ledger();
    const gate = new Gate();
    const client = new Client({ name: 'c', ledger, replicas, gate, random: new Random(1) });
    const [repository] = client.own;
    const image = imageOf(repository, [contentOf(Buffer.from('layer'))], { note: 'again' });
    try {
      const pushing = putManifest(client, repository, image, []);
      for (let audits = 0; audits < 3; audits += 1) repository.forgetAbsent(image.digest);
      expect([...repository.manifests.keys()]).to.deep.equal([]);
      gate.open();
      await pushing;
      expect(repository.presentManifests(ledger.next()).map(({ digest }) => digest)).to.deep.equal([
        image.digest,
      ]);
    } finally {
      client.close();
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});
