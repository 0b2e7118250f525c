import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests } from '../clients/image-layout.ts';
import { openWorkplace, type Workplace } from '../clients/workplace.ts';
import { checkout } from '../pack/checkout.ts';
import { answering, freePort, start } from '../servers/program.ts';
import { buildImage, type BuiltImage } from './registry-image.ts';
import { unpackImage } from './unpacked-image.ts';

const MiB = 1024 ** 2;

describe('the image of the registry', () => {
  let workplace: Workplace;
  let layout: string;
  let image: BuiltImage;
  before(async () => {
    workplace = await openWorkplace();
    layout = join(workplace.folder, 'image');
    image = await buildImage(layout);
  });
  after(() => workplace.close());

  it('is the same to the byte when it is built again', async () => {
    const again = await buildImage(join(workplace.folder, 'again'));
    expect(again).to.deep.equal(image);
  });

  it('is less than 80 MiB to pull', () => {
    expect(image.size).to.be.below(80 * MiB);
  });

  it('goes into a registry and out again, and what came out knows all plugins and serves', async () => {
    const { folder, registry } = workplace;
    const skopeo = client('skopeo', folder, await createContainerStorage(folder, registry.host));
    const reference = `docker://${registry.host}/entrepot/registry:${image.version}`;
    await skopeo('copy', `oci:${layout}:${image.version}`, reference);
    const pulled = join(folder, 'pulled');
    await skopeo('copy', reference, `oci:${pulled}:${image.version}`);
    expect(await reachableDigests(pulled, image.digest)).to.deep.equal(
      await reachableDigests(layout, image.digest),
    );

    // As an engine would run it, but for what keeps it apart from others.
    const { root, command, user, env } = await unpackImage(pulled, join(folder, 'root'));
    const [uid = '', gid = ''] = user.split(':');
    const apart = ['--root', root, '--setuid', uid, '--setgid', gid, '--'];
    const options = { env: { ...env, NODE_OPTIONS: '' }, cwd: folder };

    const plugins = (await readdir(join(checkout, 'plugins'))).map((name) => `@entrepot/${name}`);
    const importing = `for (const name of ${JSON.stringify(plugins)}) await import(name);`;
    const imported = start(
      'unshare',
      [...apart, '/usr/bin/node', '--input-type=module', '-e', importing],
      options,
    );
    await once(imported.child, 'exit');
    expect(imported.child.exitCode, imported.printed()).to.equal(0);

    const port = await freePort();
    const args = [...apart, ...command, '--host', '127.0.0.1', '--port', String(port)];
    const running = start('unshare', args, options);
    try {
      await answering(`http://127.0.0.1:${port}/readyz`, running);
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).to.equal(200);
      const digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
      const path = `http://127.0.0.1:${port}/v2/library/app/blobs/uploads/?digest=${digest}`;
      expect((await fetch(path, { method: 'POST', body: 'hello' })).status).to.equal(201);
    } finally {
      await running.stop();
    }
    expect(running.child.exitCode, running.printed()).to.equal(0);
  });
}).timeout(600_000);
