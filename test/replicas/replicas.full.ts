import { join } from 'node:path';
import { expect } from 'chai';
import { client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests, writeImageLayout } from '../clients/image-layout.ts';
import { buckets, type Bucket } from './buckets.ts';
import { Load } from './load.ts';
import { baseLayer, baseRepository } from './pushed-image.ts';
import { Replicas } from './replicas.ts';
import { uploadShapes } from './upload-shapes.ts';

for (const [name, makeBucket] of Object.entries(buckets)) {
  describe(`three registries on one bucket of ${name} behind nginx`, () => {
    let bucket: Bucket;
    let replicas: Replicas;
    let load: Load;
    before(async () => {
      bucket = await makeBucket();
      replicas = await Replicas.start(bucket.storage, 3);
      load = new Load(replicas.nginx.url);
      await uploadShapes.post(replicas.nginx.url, baseRepository, baseLayer);
    });
    after(async () => {
      await replicas.remove();
      await bucket.remove();
    });

    it('take every shape of upload at once, each request on another of them, and none is tried again', async () => {
      await load.pushAtOnce(24);
      expect(load.retries).to.equal(0);
      const served = replicas.serving.map(({ registry }) => requestsOf(registry.lines));
      const all = served.reduce((sum, requests) => sum + requests);
      for (const requests of served) expect(requests).to.be.at.least(all / 4);
    });

    it('lose one by SIGKILL meanwhile, and no client fails', async () => {
      await load.during(() => replicas.kill(), 24);
      await replicas.add();
      expect(replicas.serving).to.have.lengthOf(3);
    });

    it('are replaced one after the other meanwhile, and no client fails', async () => {
      await load.during(async () => {
        for (let replaced = 0; replaced < 3; replaced += 1) {
          await replicas.retire();
          await replicas.add();
        }
      }, 12);
    });

    it('become one, and three, and one again meanwhile, and no client fails', async () => {
      await load.during(async () => {
        for (const change of ['retire', 'retire', 'add', 'add', 'retire', 'retire'] as const)
          await replicas[change]();
      }, 12);
      expect(replicas.serving).to.have.lengthOf(1);
    });

    it('have kept all that was acknowledged: each of three gives back every byte of it', async () => {
      await replicas.add();
      await replicas.add();
      await Promise.all(replicas.serving.map(({ url }) => load.pullAll(url)));
    });

    it('are one registry to skopeo and to crane', async () => {
      const { host } = new URL(replicas.nginx.url);
      const home = replicas.folder;
      const skopeo = client('skopeo', home, await createContainerStorage(home, host));
      const crane = client('crane', home);
      const layout = await writeImageLayout(join(home, 'layout'), name);
      await skopeo('copy', '--all', `oci:${layout.folder}:index`, `docker://${host}/clients/app:1`);
      await crane('--insecure', 'copy', `${host}/clients/app:1`, `${host}/clients/copy:1`);
      const pulled = join(home, 'pulled');
      await skopeo('copy', '--all', `docker://${host}/clients/copy:1`, `oci:${pulled}:index`);
      expect(await reachableDigests(pulled, layout.index)).to.deep.equal(
        await reachableDigests(layout.folder, layout.index),
      );
    });
  });
}

/** Requests of clients that a registry has logged. */
function requestsOf(lines: readonly Readonly<Record<string, unknown>>[]): number {
  return lines.filter(({ msg }) => msg === 'request').length;
}
