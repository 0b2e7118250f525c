import type { StorageDriver } from '@entrepot/plugin-sdk';
import { splitDigest } from '../../core/src/digest.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { blobLinkFormat, blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import { listAll } from '../../core/src/store/listing.ts';
import { referrerFormat } from '../../core/src/store/referrer-store.ts';
import { isAbsent, manifestFormat, type StoredManifest } from '../../core/src/store/stored-manifest.ts';
import { tagRecordFormat } from '../../core/src/store/tag-record.ts';

/**
 * What clients can reach in the storage and what is not whole: a manifest that lacks a blob or a child, a tag or a
 * referrers entry that leads nowhere. Storage itself is asked, past everything that could rescue something.
 */
export async function flawsIn(driver: StorageDriver): Promise<string[]> {
  const flaws: string[] = [];
  const all: string[] = [];
  for await (const page of listAll(driver, keys.repositories)) all.push(...page);
  for (const key of all) {
    const repository = keys.holderOf(key);
    if (keys.isInSection(key, 'manifests')) flaws.push(...(await flawsOf(driver, repository, key)));
    if (keys.isInSection(key, 'tags')) {
      const digest = tagRecordFormat.decode(await bytesOf(driver, key))?.digest ?? '';
      if ((await manifestOf(driver, repository, digest)) === undefined) flaws.push(`${key} leads nowhere`);
    }
    if (keys.isInSection(key, 'referrers')) {
      // An entry goes after its manifest has begun to count as absent, and before it is gone.
      const digest = referrerFormat.decode(await bytesOf(driver, key))?.descriptor.digest ?? '';
      if ((await driver.size(keys.manifest(repository, digest))) === undefined)
        flaws.push(`${key} leads nowhere`);
    }
  }
  return flaws;
}

async function flawsOf(driver: StorageDriver, repository: string, key: string): Promise<string[]> {
  const manifest = manifestFormat.decode(await bytesOf(driver, key));
  if (manifest === undefined || isAbsent(manifest)) return [];
  const { digest, mediaType, bytes } = manifest;
  const { blobs, manifests } = parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
  const flaws: string[] = [];
  for (const blob of blobs)
    if (!(await isReadable(driver, repository, blob.digest))) flaws.push(`${key} lacks ${blob.digest}`);
  for (const child of manifests)
    if ((await manifestOf(driver, repository, child.digest)) === undefined)
      flaws.push(`${key} lacks ${child.digest}`);
  return flaws;
}

async function isReadable(driver: StorageDriver, repository: string, digest: string): Promise<boolean> {
  const link = blobLinkFormat.decode(await bytesOf(driver, keys.link(repository, digest)));
  const record = blobRecordFormat.decode(await bytesOf(driver, keys.record(digest)));
  if (link === undefined || record === undefined) return false;
  if (record.state === 'deleting' || record.incarnation !== link.incarnation) return false;
  return typeof record.data !== 'string' || (await driver.size(record.data)) === record.size;
}

async function manifestOf(
  driver: StorageDriver,
  repository: string,
  digest: string,
): Promise<StoredManifest | undefined> {
  const manifest = manifestFormat.decode(await bytesOf(driver, keys.manifest(repository, digest)));
  return manifest === undefined || isAbsent(manifest) ? undefined : manifest;
}

async function bytesOf(driver: StorageDriver, key: string): Promise<Uint8Array> {
  return (await driver.read(key))?.bytes ?? new Uint8Array();
}
