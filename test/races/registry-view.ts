import { parseManifest, type ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import { mediaTypes } from '../../core/src/manifest/media-types.ts';
import { createStore, type Store } from '../../core/src/store/index.ts';
import type { StorageDriver } from '@entrepot/plugin-sdk';

export const repository = 'library/app';

/** Milliseconds an upload may rest in these tests. */
export const uploadMaxAge = 3_600_000;

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** The store of a process that uses this driver. With `keepsDeleted`, as registries do, what is deleted can be restored. */
export function openStore(
  driver: StorageDriver,
  { keepsDeleted = false }: { readonly keepsDeleted?: boolean } = {},
): Store {
  return createStore(driver, {
    keepsDeleted,
    log: silent,
    uploads: { maxAge: uploadMaxAge, maxConcurrent: 100 },
    manifestCacheBytes: 1024 * 1024,
    blobCacheBytes: 1024 * 1024,
  });
}

/** A manifest of its own that needs no blobs: these tests are about the order in which records appear. */
export function manifestOf(title: string, subject?: ParsedManifest): ParsedManifest {
  const json = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    annotations: { title },
    ...(subject === undefined
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length } }),
  };
  return parseManifest(Buffer.from(JSON.stringify(json)), mediaTypes.ociManifest, 'sha256');
}

/** An index with one child. */
export function indexOf({ mediaType, digest, bytes }: ParsedManifest): ParsedManifest {
  const json = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ mediaType, digest, size: bytes.length }],
  };
  return parseManifest(Buffer.from(JSON.stringify(json)), mediaTypes.ociIndex, 'sha256');
}

/** A repository as its users see it, with titles for digests. */
export interface RepositoryView {
  /** Titles of the manifests that are there. */
  readonly manifests: readonly string[];
  /** What each listed tag points at. */
  readonly tags: Readonly<Record<string, string>>;
  /** Titles of what the referrers lists of all subjects name. */
  readonly referrers: readonly string[];
}

/** Looks at the repository through a store that has seen nothing before, as after a restart. */
export async function viewOf(
  store: Store,
  known: Readonly<Record<string, ParsedManifest>>,
): Promise<RepositoryView> {
  const titles = new Map(Object.entries(known).map(([title, { digest }]) => [digest, title]));
  const titleOf = (digest: string): string => titles.get(digest) ?? digest;
  const manifests: string[] = [];
  const referrers: string[] = [];
  for (const [title, { digest, bytes }] of Object.entries(known)) {
    const manifest = await store.manifests.get(repository, digest);
    if (manifest !== undefined && !manifest.bytes.equals(bytes)) throw new Error(`${title} has other bytes`);
    if (manifest !== undefined) manifests.push(title);
    const { descriptors } = await store.referrers.list(repository, digest, { maxBytes: 65_536, limit: 100 });
    referrers.push(...descriptors.map((descriptor) => titleOf(descriptor.digest)));
  }
  const tags: Record<string, string> = {};
  for (const tag of (await store.tags.list(repository, { limit: 100 })).names) {
    const target = await store.tags.get(repository, tag);
    if (target === undefined) throw new Error(`the tag '${tag}' is listed and not to be had`);
    tags[tag] = titleOf(target.digest);
  }
  return { manifests: manifests.sort(), tags, referrers: referrers.sort() };
}

/** What is listed in the view and leads nowhere. */
export function danglingIn({ manifests, tags, referrers }: RepositoryView): string[] {
  return [
    ...Object.keys(tags).filter((tag) => !manifests.includes(tags[tag] ?? '')),
    ...referrers.filter((title) => !manifests.includes(title)),
  ];
}
