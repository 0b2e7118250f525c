import { isRegistryError, type StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from '../../core/src/store/keys.ts';
import type { Store } from '../../core/src/store/index.ts';
import { manifestFormat } from '../../core/src/store/stored-manifest.ts';
import { imageOf, stored } from '../races/blob-requests.ts';
import { indexOf, manifestOf } from '../races/registry-view.ts';
import * as clients from './clients.ts';
import type { Client } from './clients.ts';
import { HOUR } from './collecting.ts';
import type { Case } from './collection-scene.ts';

const { askFor, mountAndPush, mountTo, push, putManifest, remove, retag, uploadTo } = clients;

/** Requests for the layer of an image, while it is collected. */
export const blobCases: Readonly<Record<string, Case>> = {
  'a push to the same repository, and the first step': { state: 'live', clients: { P: push('a') } },
  'a push to the same repository, and the last steps': { state: 'condemned', clients: { P: push('a') } },
  'a push to the same repository, and a run that goes on': { state: 'deleting', clients: { P: push('a') } },
  'a push to another repository, and the last steps': { state: 'condemned', clients: { P: push('b') } },
  'an upload to the same repository': { state: 'condemned', clients: { U: uploadTo('a') } },
  'an upload to another repository': { state: 'condemned', clients: { U: uploadTo('b') } },
  'an upload, and a run that goes on': { state: 'deleting', clients: { U: uploadTo('b') } },
  'an upload, and two collectors': {
    state: 'condemned',
    clients: { U: uploadTo('a') },
    collectors: 2,
    vast: [0, 1],
  },
  'a mount': { state: 'condemned', clients: { M: mountTo('a', 'b') } },
  'a mount, and a push that relies on it': { state: 'condemned', clients: { P: mountAndPush('a', 'b') } },
  'a question whether it is there': { state: 'condemned', clients: { H: askFor('a') } },
  'a question, and two collectors': {
    state: 'condemned',
    clients: { H: askFor('a') },
    collectors: 2,
    vast: [1],
  },
  'two collectors alone': { state: 'condemned', clients: {}, collectors: 2 },
  'two collectors that go on': { state: 'deleting', clients: {}, collectors: 2 },
  'the deletion of the image': {
    state: 'live',
    before: (store) => putManifest(store, 'a', imageOf(stored), ['v1']),
    clients: { D: remove('a') },
  },
  'the deletion of the image in one repository, and a mount of its layer to another': {
    state: 'live',
    before: (store) => putManifest(store, 'a', imageOf(stored), ['v1']),
    clients: { D: remove('a'), M: mountTo('a', 'b') },
  },
  'a mount, and an upload elsewhere': {
    state: 'condemned',
    clients: { M: mountTo('a', 'b'), U: uploadTo('c') },
    vast: [0, 1],
  },
};

const image = manifestOf('image');
const other = manifestOf('other');
const signature = manifestOf('signature', image);
const index = indexOf(image);
const outer = indexOf(index);
const rules = { keepUntagged: HOUR };

/** Marks manifests as collection has left them an hour ago. */
export function condemned(...digests: readonly string[]): (driver: StorageDriver) => Promise<void> {
  return async (driver) => {
    for (const digest of digests) {
      const key = keys.manifest('a', digest);
      const object = await driver.read(key);
      const manifest = object === undefined ? undefined : manifestFormat.decode(object.bytes);
      if (manifest === undefined) throw new Error('nothing has been stored');
      await driver.write(key, manifestFormat.encode({ ...manifest, condemned: Date.now() }));
    }
  };
}

/** Pushes the manifest under these tags, and then it is there, and the tags lead to it. */
function put(manifest: typeof image, tags: readonly string[]): Client {
  return {
    promise: 'put',
    act: async (store) => {
      await putManifest(store, 'a', manifest, tags);
      return 'put';
    },
    isKept: async (store) => {
      const targets = await Promise.all(tags.map((tag) => store.tags.get('a', tag)));
      const isThere = (await store.manifests.get('a', manifest.digest)) !== undefined;
      return isThere && targets.every((target) => target?.digest === manifest.digest);
    },
    lasts: tags.length > 0,
  };
}

/** The same; that something it refers to is gone is an answer as well, after which a client begins again. */
export function orLearn({ act, ...client }: Client): Client {
  return {
    ...client,
    act: (store) =>
      act(store).catch((error: unknown) => {
        if (isRegistryError(error) && error.code === 'MANIFEST_BLOB_UNKNOWN') return 'something is unknown';
        throw error;
      }),
  };
}

/** GET of the manifest by its digest. */
const pull: Client = {
  promise: 'there',
  act: async (store) => ((await store.manifests.get('a', image.digest)) === undefined ? 'unknown' : 'there'),
  isKept: async (store) => (await store.manifests.get('a', image.digest)) !== undefined,
  lasts: false,
};

/** DELETE of the manifest. */
const deleteImage: Client = {
  promise: 'deleted',
  act: async (store) => {
    await store.manifests.delete('a', image.digest, () => undefined);
    return 'deleted';
  },
  isKept: async (store) => (await store.manifests.get('a', image.digest)) === undefined,
  lasts: true,
};

const untaggedImage = (store: Store): Promise<void> => putManifest(store, 'a', image, []);

/** Requests for manifests that nothing holds, while they are collected. */
export const manifestCases: Readonly<Record<string, Case>> = {
  'a push of it, and the first step': { before: untaggedImage, clients: { P: put(image, ['v1']) }, rules },
  'a push of it, and the last steps': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { P: put(image, ['v1']) },
    rules,
  },
  'a push of it by digest alone': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { P: put(image, []) },
    rules,
  },
  'a pull of it': { before: untaggedImage, arrange: condemned(image.digest), clients: { G: pull }, rules },
  'a push of an index that lists it, and the first step': {
    before: untaggedImage,
    clients: { P: orLearn(put(index, ['all'])) },
    rules,
  },
  'a push of an index that lists it, and the last steps': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { P: orLearn(put(index, ['all'])) },
    rules,
  },
  'a tag for an index that was condemned with its child': {
    before: async (store) => {
      await untaggedImage(store);
      await putManifest(store, 'a', index, []);
    },
    arrange: condemned(image.digest, index.digest),
    clients: { P: orLearn(put(index, ['all'])) },
    rules,
  },
  'a tag for an index of an index that was condemned with all it lists': {
    before: async (store) => {
      await untaggedImage(store);
      await putManifest(store, 'a', index, []);
      await putManifest(store, 'a', outer, []);
    },
    arrange: condemned(image.digest, index.digest, outer.digest),
    clients: { P: orLearn(put(outer, ['all'])) },
    rules,
  },
  'a push of a signature for it': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { S: put(signature, ['signature']) },
    rules,
  },
  'a tag for a subject whose signature was condemned with it': {
    before: async (store) => {
      await untaggedImage(store);
      await putManifest(store, 'a', signature, []);
    },
    arrange: condemned(image.digest, signature.digest),
    clients: { P: put(image, ['v1']) },
    rules,
  },
  'its deletion': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { D: deleteImage },
    rules,
  },
  'a tag that moves away from it': {
    before: async (store) => {
      await putManifest(store, 'a', image, ['v1']);
      await putManifest(store, 'a', other, ['v2']);
    },
    clients: { T: retag('a', other) },
    rules,
  },
  'two collectors, and a push of it': {
    before: untaggedImage,
    arrange: condemned(image.digest),
    clients: { P: put(image, ['v1']) },
    collectors: 2,
    vast: [0, 1],
    rules,
  },
};
