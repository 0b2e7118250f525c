import { isRegistryError } from '@entrepot/plugin-sdk';
import { Undo } from '../../core/src/registry/undo.ts';
import type { Store } from '../../core/src/store/index.ts';
import { has, imageOf, stored, upload } from '../races/blob-requests.ts';
import { indexOf, manifestOf } from '../races/registry-view.ts';
import { condemned } from './cases.ts';
import { push, putManifest, type Client } from './clients.ts';
import { HOUR } from './collecting.ts';
import type { Case } from './collection-scene.ts';

const image = imageOf(stored);
const other = manifestOf('other');
const index = indexOf(image);

/** The image, under a tag, with a layer that collection may have condemned. */
export const taggedImage = async (store: Store): Promise<void> => {
  await upload(store, 'a', stored);
  await putManifest(store, 'a', image, ['v1']);
};

export function undoOn(store: Store): Undo {
  return new Undo(store, { mayLack: 'nothing', actor: 'undo' });
}

/** Whether the work could be done; that it is too late is an answer, not an error. */
async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (
      error instanceof Error &&
      (isRegistryError(error) || /restored any more|nothing is remembered|is there/.test(error.message))
    )
      return false;
    throw error;
  }
}

async function isImageUnder(store: Store, tag: string, digest: string): Promise<boolean> {
  const isTagged = (await store.tags.get('a', tag))?.digest === digest;
  return isTagged && (await store.manifests.get('a', digest)) !== undefined && has(store, 'a', stored);
}

/** Deletes, and whoever comes later can restore it: the first to look does. */
function deleting(act: (store: Store) => Promise<unknown>, tag: string, digest: string): Client {
  return {
    promise: 'deleted',
    act: async (store) => {
      await act(store);
      return 'deleted';
    },
    isKept: async (store) => {
      if (await isImageUnder(store, tag, digest)) return true;
      const undo = undoOn(store);
      const isTagged = (await store.tags.get('a', tag)) !== undefined;
      await succeeds(() => (isTagged ? undo.restoreTag('a', tag, digest) : undo.undeleteTag('a', tag)));
      return isImageUnder(store, tag, digest);
    },
    lasts: true,
  };
}

/** Restores the tag. That it is too late is an answer as well. */
function restoring(tag: string, digest: string): Client {
  return {
    promise: 'restored',
    act: async (store) =>
      (await succeeds(() => undoOn(store).undeleteTag('a', tag))) ? 'restored' : 'too late',
    isKept: (store) => isImageUnder(store, tag, digest),
    lasts: true,
  };
}

/** DELETE of the image. */
export const deletion = deleting(
  (store) => store.manifests.delete('a', image.digest, () => undefined),
  'v1',
  image.digest,
);
const untagging = deleting((store) => store.tags.delete('a', 'v1'), 'v1', image.digest);
const overwriting = deleting((store) => putManifest(store, 'a', other, ['v1']), 'v1', image.digest);

/** A push that begins again when a blob is gone: what counts is what can be pulled. */
const pushing: Client = {
  ...push('a'),
  act: (store) =>
    push('a')
      .act(store)
      .catch((error: unknown) => {
        if (isRegistryError(error) && error.code === 'MANIFEST_BLOB_UNKNOWN') return 'something is unknown';
        throw error;
      }),
};

const deletedImage = async (store: Store): Promise<void> => {
  await taggedImage(store);
  await store.manifests.delete('a', image.digest, () => undefined);
};

const deletedIndex = async (store: Store): Promise<void> => {
  await taggedImage(store);
  await putManifest(store, 'a', index, ['all']);
  await store.manifests.delete('a', index.digest, () => undefined);
  await store.manifests.delete('a', image.digest, () => undefined);
};

/** So long that all of a scene is within it. */
const long = { restoreWindow: 10 * HOUR };
/** So short that the run of a scene ends it. */
const over = { restoreWindow: HOUR };

const cases: Readonly<Record<string, Case>> = {
  'the deletion of an image': { before: taggedImage, clients: { D: deletion }, rules: long },
  'the deletion of an image, and two collectors': {
    before: taggedImage,
    clients: { D: deletion },
    collectors: 2,
    rules: long,
    vast: [1],
  },
  'the deletion of a tag that a mark has missed, whose image was condemned': {
    before: taggedImage,
    arrange: condemned(image.digest),
    clients: { D: untagging },
    rules: { ...long, keepUntagged: HOUR },
  },
  'the move of a tag that a mark has missed, whose image was condemned': {
    before: async (store) => {
      await taggedImage(store);
      await putManifest(store, 'a', other, ['v2']);
    },
    arrange: condemned(image.digest),
    clients: { D: overwriting },
    rules: { ...long, keepUntagged: HOUR },
  },
  'the restoration of an image': {
    before: deletedImage,
    clients: { R: restoring('v1', image.digest) },
    rules: long,
  },
  'the restoration of an image whose time is over': {
    before: deletedImage,
    clients: { R: restoring('v1', image.digest) },
    rules: over,
  },
  'the restoration of an index whose time is over, and that of its image': {
    before: deletedIndex,
    clients: { R: restoring('all', index.digest) },
    rules: over,
  },
  'a push of what was deleted, whose time is over': {
    before: deletedImage,
    clients: { P: pushing },
    rules: over,
  },
  'a restoration and a deletion': {
    before: deletedImage,
    clients: { R: { ...restoring('v1', image.digest), lasts: false, isKept: async () => true }, D: deletion },
    rules: long,
    vast: [0],
    isWithoutDeaths: true,
  },
};

/** Deletions, and what brings back what was deleted, while it is collected: on a registry that keeps what is deleted. */
export const undoCases: Readonly<Record<string, Case>> = Object.fromEntries(
  Object.entries(cases).map(([sentence, scene]) => [sentence, { ...scene, keepsDeleted: true }]),
);
