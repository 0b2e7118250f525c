import { expect } from 'chai';
import { expectEmpty } from './answers.ts';
import { onEachStorage, type ServedRegistry } from './served-registry.ts';

onEachStorage('GET /v2/', (serve) => {
  let registry: ServedRegistry;
  before(async () => {
    registry = await serve();
  });

  it('says that this is a registry', async () => {
    const answer = await registry.get('/v2/');
    expect([answer.status, answer.body.toString()]).to.deep.equal([200, '{}']);
    expect(answer.headers).to.deep.include({
      'content-type': 'application/json',
      'content-length': '2',
      'docker-distribution-api-version': 'registry/2.0',
    });
  });

  it('is the same without the slash', async () => {
    expect((await registry.get('/v2')).body.toString()).to.equal('{}');
  });

  it('may be a HEAD', async () => {
    const answer = await registry.head('/v2/');
    expectEmpty(answer, 200);
    expect(answer.headers['content-length']).to.equal('2');
  });

  it('may have a query, as clients of proxies send it', async () => {
    expect((await registry.get('/v2/?ns=docker.io')).status).to.equal(200);
  });
});
