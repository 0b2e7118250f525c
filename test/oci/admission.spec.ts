import { RegistryError, type Admission } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { expectError } from './answers.ts';
import { bareManifest, contentOf, noise, types } from './content.ts';
import { locationOf } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

onEachStorage('A registry with a plugin that says what may be added', (serve) => {
  let registry: ServedRegistry;
  let asked: Admission[];
  let isFull: boolean;
  before(async () => {
    registry = await serve(
      {},
      plugin('room', (hooks, name) => {
        hooks.admit.tap(name, (admission) => {
          asked.push(admission);
          if (isFull) throw new RegistryError('DENIED', 'there is no room; delete something');
        });
      }),
    );
  });
  beforeEach(() => {
    asked = [];
    isFull = false;
  });
  const blob = contentOf(noise(10_000, 7));

  it('asks about every request that adds something, with the bytes it says that it brings', async () => {
    const uploads = `/v2/team/app/blobs/uploads/`;
    const begun = await registry.post(uploads);
    const body = blob.bytes.subarray(0, 4000);
    const sent = await registry.patch(locationOf(begun.headers), { body });
    await registry.put(`${locationOf(sent.headers)}?digest=${blob.digest}`, {
      body: blob.bytes.subarray(4000),
    });
    await registry.post(`/v2/team/b/blobs/uploads/?mount=${blob.digest}&from=team/app`);
    const manifest = bareManifest('asked about');
    const headers = { 'content-type': types.manifest };
    await registry.put('/v2/team/app/manifests/v1', { headers, body: manifest.bytes });
    const said = (repository: string, kind: string, bytes: number) => ({ repository, kind, bytes });
    expect(asked.map(({ identity, ...rest }) => ({ ...rest, ...(identity && { identity }) }))).to.deep.equal([
      said('team/app', 'blob', 0),
      said('team/app', 'blob', 4000),
      said('team/app', 'blob', 6000),
      said('team/b', 'blob', 0),
      said('team/app', 'manifest', manifest.bytes.length),
    ]);
  });

  it('takes nothing that is refused, tells why, and asks about nothing else', async () => {
    const begun = await registry.post('/v2/team/app/blobs/uploads/');
    isFull = true;
    const manifest = bareManifest('refused');
    const headers = { 'content-type': types.manifest };
    for (const answer of [
      await registry.post('/v2/team/app/blobs/uploads/'),
      await registry.post(`/v2/team/app/blobs/uploads/?digest=${blob.digest}`, { body: blob.bytes }),
      await registry.patch(locationOf(begun.headers), { body: blob.bytes }),
      await registry.put('/v2/team/app/manifests/v2', { headers, body: manifest.bytes }),
    ]) {
      expectError(answer, 403, 'DENIED');
      expect(answer.body.toString()).to.include('there is no room; delete something');
    }
    asked = [];
    expect((await registry.get('/v2/team/app/manifests/v2')).status).to.equal(404);
    expect((await registry.get('/v2/team/app/tags/list')).status).to.equal(200);
    expect((await registry.delete(locationOf(begun.headers))).status).to.equal(204);
    expect(asked).to.deep.equal([]);
  });
});
