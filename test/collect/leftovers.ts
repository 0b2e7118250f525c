import type { StorageDriver } from '@entrepot/plugin-sdk';
import { splitDigest } from '../../core/src/digest.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import { listAll } from '../../core/src/store/listing.ts';
import { manifestFormat, type StoredManifest } from '../../core/src/store/stored-manifest.ts';
import { tagRecordFormat } from '../../core/src/store/tag-record.ts';
import { linkDigest, recordDigest } from '../../core/src/store/verify/places.ts';

/** Keys of what collection should have removed: nothing refers to it. */
export async function leftoversIn(driver: StorageDriver): Promise<string[]> {
  const repositories = new Map<
    string,
    { readonly manifests: Map<string, StoredManifest>; readonly tags: Set<string> }
  >();
  for await (const page of listAll(driver, keys.repositories)) {
    for (const key of page) {
      const name = keys.holderOf(key);
      const repository = repositories.get(name) ?? { manifests: new Map(), tags: new Set() };
      repositories.set(name, repository);
      const bytes = (await driver.read(key))?.bytes ?? new Uint8Array();
      if (keys.isInSection(key, 'tags')) repository.tags.add(tagRecordFormat.decode(bytes)?.digest ?? '');
      const manifest = keys.isInSection(key, 'manifests') ? manifestFormat.decode(bytes) : undefined;
      if (manifest !== undefined) repository.manifests.set(manifest.digest, manifest);
    }
  }
  const left: string[] = [];
  const needed = new Set<string>();
  for (const [name, { manifests, tags }] of repositories) {
    const reached = reachedFrom(tags, manifests);
    for (const digest of manifests.keys()) if (!reached.has(digest)) left.push(keys.manifest(name, digest));
    for (const manifest of manifests.values())
      for (const { digest } of parsed(manifest).blobs) needed.add(digest);
  }
  for await (const page of listAll(driver, keys.deletedTags)) left.push(...page);
  const bytesOfBlobs = new Set<string>();
  for await (const page of listAll(driver, keys.records)) {
    for (const key of page) {
      if (!needed.has(recordDigest(key) ?? '')) left.push(key);
      const record = blobRecordFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
      if (typeof record?.data === 'string') bytesOfBlobs.add(record.data);
    }
  }
  for await (const page of listAll(driver, keys.bytes))
    left.push(...page.filter((key) => !bytesOfBlobs.has(key)));
  for (const name of repositories.keys())
    for await (const page of listAll(driver, keys.links(name)))
      left.push(...page.filter((key) => !needed.has(linkDigest(name, key) ?? '')));
  return left;
}

/** Tags, what they list at every level, and what is attached to any of that. */
function reachedFrom(tags: ReadonlySet<string>, manifests: ReadonlyMap<string, StoredManifest>): Set<string> {
  const reached = new Set<string>();
  const open = [...tags];
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    const manifest = manifests.get(digest);
    if (manifest === undefined || reached.has(digest)) continue;
    reached.add(digest);
    open.push(...parsed(manifest).manifests.map((child) => child.digest));
    for (const other of manifests.values())
      if (parsed(other).subject?.digest === digest) open.push(other.digest);
  }
  return reached;
}

function parsed({ bytes, mediaType, digest }: StoredManifest): ReturnType<typeof parseManifest> {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
}
