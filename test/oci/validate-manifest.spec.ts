import { expect } from 'chai';
import { isRegistryError, RegistryError, type ManifestSubmission } from '@entrepot/plugin-sdk';
import { expectEmpty, expectError, jsonOf } from './answers.ts';
import { bareManifest, contentOf, descriptor, digestOf, imageOf, indexOf, noise, types } from './content.ts';
import { expectStatus, pushBlob, pushManifest, putManifest } from './pushes.ts';
import { onEachStorage, plugin, type ServedRegistry } from './served-registry.ts';

onEachStorage('Validation of manifests', (serve) => {
  let registry: ServedRegistry;
  let repository: string;
  let look: (submission: ManifestSubmission) => void | Promise<void>;
  const seen: ManifestSubmission[] = [];
  before(async () => {
    registry = await serve(
      {},
      plugin('auth-alice', (hooks, name) => hooks.authenticate.tap(name, () => ({ subject: 'alice' }))),
      plugin('policy', (hooks, name) =>
        hooks.validateManifest.tapPromise(name, async (submission) => {
          seen.push(submission);
          await look(submission);
        }),
      ),
    );
  });
  beforeEach(() => {
    repository = registry.newRepository();
    look = () => undefined;
    seen.length = 0;
  });

  it('lets a push pass on which no tap has an opinion', async () => {
    const answer = expectStatus(await putManifest(registry, repository, 'v1', bareManifest('x')), 201);
    expect(answer.headers).to.not.have.property('warning');
    expect(seen).to.have.lengthOf(1);
  });

  it('sees the manifest parsed, its bytes, its tags, and who pushes it', async () => {
    const config = await pushBlob(registry, repository, '{}');
    const layer = await pushBlob(registry, repository, 'layer');
    const subject = bareManifest('subject');
    const image = imageOf(config, [layer], { subject: descriptor(subject, types.manifest) });
    expectStatus(await putManifest(registry, repository, `${image.digest}?tag=a&tag=b`, image), 201);
    const [submission] = seen;
    expect(submission).to.deep.include({
      repository,
      tags: ['a', 'b'],
      digest: image.digest,
      mediaType: types.manifest,
      json: jsonOf({ body: image.bytes }),
      blobs: [descriptor(config, types.config), descriptor(layer, types.layer)],
      manifests: [],
      subject: descriptor(subject, types.manifest),
      identity: { subject: 'alice' },
    });
    expect(Buffer.from(submission?.bytes ?? []).equals(image.bytes)).to.equal(true);
  });

  it('sees the children of an index', async () => {
    const child = await pushManifest(registry, repository, bareManifest('child'));
    await pushManifest(registry, repository, indexOf([child]), 'multi');
    expect(seen.at(-1)?.manifests).to.deep.equal([descriptor(child, types.manifest)]);
  });

  it('refuses a push with the code and the reason a tap gives, and nothing is stored', async () => {
    look = () => {
      throw new RegistryError('DENIED', 'images need a label', { details: [{ label: 'missing' }] });
    };
    const manifest = bareManifest('denied');
    const answer = await putManifest(registry, repository, 'v1', manifest);
    expect(expectError(answer, 403, 'DENIED')).to.deep.equal([{ label: 'missing' }]);
    expect(answer.body.toString()).to.include('images need a label');
    for (const reference of ['v1', manifest.digest]) {
      expectEmpty(await registry.head(`/v2/${repository}/manifests/${reference}`), 404);
    }
    expectError(await registry.get(`/v2/${repository}/tags/list`), 404, 'NAME_UNKNOWN');
  });

  it('is asked before anything is checked, and only about what can be parsed', async () => {
    const missing = imageOf(contentOf('absent'), []);
    expectError(await putManifest(registry, repository, 'v1', missing), 400, 'MANIFEST_BLOB_UNKNOWN');
    expect(seen).to.have.lengthOf(1);
    const malformed = { bytes: Buffer.from('[]'), mediaType: types.manifest };
    expectError(await putManifest(registry, repository, 'v1', malformed), 400, 'MANIFEST_INVALID');
    const other = bareManifest('x');
    expectError(await putManifest(registry, repository, digestOf('y'), other), 400, 'DIGEST_INVALID');
    expect(seen).to.have.lengthOf(1);
  });

  it('fails closed when a tap fails, and tells nothing of why', async () => {
    look = () => {
      throw new Error('the scanner is at /secret/socket');
    };
    const answer = await putManifest(registry, repository, 'v1', bareManifest('x'));
    expectError(answer, 500, 'UNKNOWN');
    expect(answer.body.toString()).to.not.include('secret');
    expectEmpty(await registry.head(`/v2/${repository}/manifests/v1`), 404);
  });

  it('reads the blobs of the repository, small and large, and no others', async () => {
    const config = await pushBlob(registry, repository, '{"os":"linux"}');
    const large = await pushBlob(registry, repository, noise(200_000));
    const elsewhere = await pushBlob(registry, registry.newRepository(), 'elsewhere');
    const read: unknown[] = [];
    look = async (submission) => {
      for (const digest of [config.digest, large.digest, elsewhere.digest, digestOf('absent'), 'nonsense']) {
        const bytes = await submission.readBlob(digest);
        read.push(bytes === undefined ? undefined : digestOf(bytes));
      }
    };
    await pushManifest(registry, repository, imageOf(config, []), 'v1');
    expect(read).to.deep.equal([config.digest, large.digest, undefined, undefined, undefined]);
  });

  it('does not read what is too large to be looked into', async () => {
    const huge = await pushBlob(registry, repository, noise(4 * 1024 * 1024 + 1));
    const whole = await pushBlob(registry, repository, noise(4 * 1024 * 1024));
    const outcomes: unknown[] = [];
    look = async (submission) => {
      for (const { digest } of [huge, whole]) {
        outcomes.push(
          await submission.readBlob(digest).then(
            (bytes) => bytes?.length,
            (error: unknown) => isRegistryError(error) && error.code,
          ),
        );
      }
    };
    await pushManifest(registry, repository, bareManifest('x'), 'v1');
    expect(outcomes).to.deep.equal(['MANIFEST_INVALID', 4 * 1024 * 1024]);
  });

  it('waits for taps that take their time', async () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    look = () => {
      asked.resolve();
      return decided.promise;
    };
    const pushed = putManifest(registry, repository, 'v1', bareManifest('slow'));
    await asked.promise;
    expectEmpty(await registry.head(`/v2/${repository}/manifests/v1`), 404);
    decided.resolve();
    expectStatus(await pushed, 201);
  });
});
