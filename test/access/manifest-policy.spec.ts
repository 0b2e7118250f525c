import { createRegistry, type Registry } from '@entrepot/core';
import manifestPolicy from '@entrepot/manifest-policy';
import { definePlugin } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { digestOf, manifestType, pullManifest } from '../docs/image.ts';

/** A manifest of its own that needs no blobs. */
function manifestOf(title: string): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: manifestType, layers: [], annotations: { title } });
}

describe('A registry with rules about what may be overwritten', () => {
  let registries: Registry[];
  let urls: string[];
  beforeEach(async () => {
    const memory = new Memory(2 ** 24);
    const storage = definePlugin<Record<string, never>>({
      name: 'storage-of-this-test',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup: ({ name, hooks }) => hooks.storage.tap(name, () => new MemoryDriver(memory)),
    });
    const policy = manifestPolicy({
      immutable: [{ repositories: ['prod/**'], tags: ['v*'], except: ['v-next'] }],
      protected: [{ repositories: ['base/**'] }],
    });
    const config = { http: { port: 0 }, log: { level: 'silent' }, plugins: [storage(), policy] } as const;
    registries = await Promise.all([1, 2, 3].map(() => createRegistry(config)));
    urls = (await Promise.all(registries.map((registry) => registry.start()))).map(({ url }) => url);
  });
  afterEach(async () => {
    await Promise.all(registries.map((registry) => registry.stop()));
  });

  const ask = (method: string, path: string, body?: string, replica = 0): Promise<Response> =>
    fetch(`${urls[replica] ?? ''}/v2/${path}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': manifestType } }),
    });
  const push = (repository: string, reference: string, title: string, replica = 0): Promise<Response> =>
    ask('PUT', `${repository}/manifests/${reference}`, manifestOf(title), replica);
  async function expectDenied(answer: Promise<Response>, says: RegExp): Promise<void> {
    const { status } = await answer;
    expect(status).to.equal(403);
    const text = await (await answer).text();
    expect(text).to.contain('"code":"DENIED"').and.match(says);
  }

  it('answers one of fifty pushes to a new immutable tag with 201, and all others with 403, through three replicas', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => push('prod/app', 'v1', `image ${index}`, index % 3)),
    );
    const winners = answers.flatMap(({ status }, index) => (status === 201 ? [index] : []));
    expect(winners).to.have.lengthOf(1);
    expect(answers.filter(({ status }) => status === 403)).to.have.lengthOf(49);
    const pulled = await pullManifest({ url: urls[1] ?? '', repository: 'prod/app', tag: 'v1' });
    expect(await pulled.text()).to.equal(manifestOf(`image ${winners[0]}`));
    for (const replica of [0, 1, 2]) {
      expect((await push('prod/app', 'v1', `image ${winners[0]}`, replica)).status).to.equal(201);
    }
  });

  it('refuses to move an immutable tag, by name or as one of several, and stores nothing of it', async () => {
    await push('prod/app', 'v1', 'first');
    const digest = digestOf(manifestOf('second'));
    await expectDenied(
      push('prod/app', 'v1', 'second'),
      /the tag 'v1' of prod\/app is immutable by immutable rule 1/,
    );
    await expectDenied(push('prod/app', `${digest}?tag=v2&tag=v1`, 'second'), /the tag 'v1'/);
    expect((await ask('GET', `prod/app/manifests/${digest}`)).status).to.equal(404);
    expect((await push('prod/app', 'v-next', 'first')).status).to.equal(201);
    expect((await push('prod/app', 'v-next', 'second')).status).to.equal(201);
    expect((await push('dev/app', 'v1', 'first')).status).to.equal(201);
    expect((await push('dev/app', 'v1', 'second')).status).to.equal(201);
  });

  it('refuses to delete an immutable tag, and the manifest it points at, which is then as it was', async () => {
    const digest = digestOf(manifestOf('first'));
    for (const tag of ['a', 'v1', 'z']) await push('prod/app', tag, 'first');
    await expectDenied(
      ask('DELETE', 'prod/app/manifests/v1'),
      /'v1' of prod\/app is immutable.*may not be deleted/,
    );
    await expectDenied(ask('DELETE', `prod/app/manifests/${digest}`), /the tag 'v1'/);
    for (const reference of ['a', 'v1', 'z', digest])
      expect((await ask('GET', `prod/app/manifests/${reference}`)).status, reference).to.equal(200);
    expect((await ask('DELETE', 'prod/app/manifests/a')).status).to.equal(202);
    // It is not marked as being deleted: a push of it is no new life.
    expect((await push('prod/app', 'v1', 'first')).status).to.equal(201);
  });

  it('refuses everything but additions in a protected repository', async () => {
    const digest = digestOf(manifestOf('first'));
    const blob = digestOf('a blob');
    expect((await push('base/os', 'latest', 'first')).status).to.equal(201);
    expect((await push('base/os', 'other', 'second')).status).to.equal(201);
    await ask('POST', `base/os/blobs/uploads/?digest=${blob}`, 'a blob');
    await expectDenied(push('base/os', 'latest', 'second'), /base\/os is protected by protected rule 1/);
    await expectDenied(ask('DELETE', 'base/os/manifests/latest'), /the tag 'latest' may not be deleted/);
    await expectDenied(ask('DELETE', `base/os/manifests/${digest}`), /the manifest sha256:/);
    await expectDenied(ask('DELETE', `base/os/blobs/${blob}`), /the blob sha256:/);
    expect((await ask('HEAD', `base/os/blobs/${blob}`)).status).to.equal(200);
    expect((await ask('GET', 'base/os/manifests/latest')).status).to.equal(200);
  });
});
