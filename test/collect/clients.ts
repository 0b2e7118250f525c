import type { ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Store } from '../../core/src/store/index.ts';
import { digestOf, has, imageOf, mount, stored, upload } from '../races/blob-requests.ts';

/** Somebody who asks something of a registry, and what he is then promised. */
export interface Client {
  readonly act: (store: Store) => Promise<string>;
  /** The answer that promises something. */
  readonly promise: string;
  /** Whether a promise is kept that was given. */
  readonly isKept: (store: Store) => Promise<boolean>;
  /** Whether it is to be kept for ever, and not only for a grace. */
  readonly lasts: boolean;
}

const layer = stored;

function holds(repository: string): Pick<Client, 'isKept' | 'lasts'> {
  return { isKept: (store) => has(store, repository, layer), lasts: false };
}

export async function putManifest(
  store: Store,
  repository: string,
  manifest: ParsedManifest,
  tags: readonly string[],
): Promise<void> {
  await store.manifests.put(repository, manifest, {
    tags,
    actor: undefined,
    mayLack: 'nothing',
    condition: undefined,
  });
}

/** Asks for the layer, sends it if it is not there, and pushes the manifest: what clients do who push an image. */
export function push(repository: string, tag = 'v1'): Client {
  return {
    promise: 'pushed',
    act: async (store) => {
      if (!(await has(store, repository, layer))) await upload(store, repository, layer);
      await putManifest(store, repository, imageOf(layer), [tag]);
      return 'pushed';
    },
    isKept: async (store) =>
      (await has(store, repository, layer)) && (await store.tags.get(repository, tag)) !== undefined,
    lasts: true,
  };
}

/** Mounts the layer and pushes the manifest; what cannot be mounted is sent. */
export function mountAndPush(from: string, to: string): Client {
  const pushing = push(to);
  return {
    ...pushing,
    act: async (store) => {
      await mount(from, to).ask(store, layer);
      return pushing.act(store);
    },
  };
}

export function uploadTo(repository: string): Client {
  return {
    ...holds(repository),
    promise: 'uploaded',
    act: async (store) => {
      await upload(store, repository, layer);
      return 'uploaded';
    },
  };
}

export function mountTo(from: string, to: string): Client {
  return { ...holds(to), promise: 'mounted', act: (store) => mount(from, to).ask(store, layer) };
}

/** HEAD. */
export function askFor(repository: string): Client {
  return {
    ...holds(repository),
    promise: 'there',
    act: async (store) => ((await has(store, repository, layer)) ? 'there' : 'unknown'),
  };
}

/** Deletes the image of {@link push}: nobody is promised anything. */
export function remove(repository: string): Client {
  return {
    promise: 'deleted',
    act: async (store) => {
      await store.manifests.delete(repository, imageOf(layer).digest, () => undefined);
      return 'deleted';
    },
    isKept: async () => true,
    lasts: true,
  };
}

/** Moves the tag of the image to another one, which is there. */
export function retag(repository: string, other: ParsedManifest, tag = 'v1'): Client {
  return {
    promise: 'tagged',
    act: async (store) => {
      await putManifest(store, repository, other, [tag]);
      return 'tagged';
    },
    isKept: async (store) =>
      (await store.tags.get(repository, tag))?.digest === other.digest &&
      (await store.manifests.get(repository, other.digest)) !== undefined,
    lasts: true,
  };
}

/** The digest of the layer that all of them are about. */
export const layerDigest = digestOf(layer);
