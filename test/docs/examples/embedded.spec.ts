import { once } from 'node:events';
import { expect } from 'chai';
import { withRegistry } from '../../../docs/examples/embedded.ts';
import { createMixedServer } from '../../../docs/examples/mounted.ts';
import { pullManifest, pushImage } from '../image.ts';

describe('the examples of embedding', () => {
  it('give a test a registry of its own, which is gone afterwards', async () => {
    let stopped = '';
    await withRegistry(async (url) => {
      stopped = url;
      expect((await pushImage({ url, repository: 'app', tag: '1.0' })).status).to.equal(201);
      expect((await pullManifest({ url, repository: 'app', tag: '1.0' })).status).to.equal(200);
    });
    const error: unknown = await fetch(`${stopped}/v2/`).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError);
  });

  it('put a registry into a server that has other things to do', async () => {
    const server = (await createMixedServer()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    try {
      expect((await pushImage({ url, repository: 'app', tag: '1.0' })).status).to.equal(201);
      expect(await (await fetch(url)).text()).to.equal('Something else.\n');
    } finally {
      server.close();
      await once(server, 'close');
    }
  });
});
