import type { StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { splitDigest } from '../../core/src/digest.ts';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Store } from '../../core/src/store/index.ts';
import type { StoredManifest } from '../../core/src/store/stored-manifest.ts';
import { contentOf, imageOf, type Content, type ManifestContent } from '../oci/content.ts';
import { openStore } from '../races/registry-view.ts';
import { collectionOn, finish, type Collected, type Rules } from './collecting.ts';

/** A store in memory, with what a test has put there, and collection that works on it. */
export class FilledStore {
  readonly driver: StorageDriver;
  store: Store;

  /** With `keepsDeleted`, what is deleted can be restored. */
  constructor(
    driver: StorageDriver = new MemoryDriver(new Memory(2 ** 28)),
    { keepsDeleted = false }: { readonly keepsDeleted?: boolean } = {},
  ) {
    this.driver = driver;
    this.store = openStore(driver, { keepsDeleted });
  }

  async pushBlob(repository: string, content: Content | string): Promise<Content> {
    const blob = typeof content === 'string' ? contentOf(content) : content;
    const body = (async function* () {
      yield blob.bytes;
    })();
    await this.store.uploads.put(repository, blob.digest, { body, length: blob.bytes.length });
    return blob;
  }

  async pushManifest(
    repository: string,
    { bytes, mediaType, digest }: ManifestContent,
    { tags = [], mayLack = 'nothing' }: { tags?: readonly string[]; mayLack?: 'nothing' | 'children' } = {},
  ): Promise<void> {
    const manifest = parseManifest(bytes, mediaType, splitDigest(digest).algorithm);
    await this.store.manifests.put(repository, manifest, {
      tags,
      actor: undefined,
      mayLack,
      condition: undefined,
    });
  }

  /** An image with a config and one layer of its own. `more` is added to its manifest. */
  async pushImage(
    repository: string,
    name: string,
    { tags = [], more = {} }: { tags?: readonly string[]; more?: object } = {},
  ): Promise<ManifestContent & { readonly config: Content; readonly layer: Content }> {
    const config = await this.pushBlob(repository, JSON.stringify({ name }));
    const layer = await this.pushBlob(repository, `${name} has a layer. `.repeat(2000));
    const manifest = imageOf(config, [layer], more);
    await this.pushManifest(repository, manifest, { tags });
    return { ...manifest, config, layer };
  }

  async deleteManifest(repository: string, { digest }: Content): Promise<void> {
    const subjectOf = ({ bytes, mediaType }: StoredManifest): string | undefined =>
      parseManifest(bytes, mediaType, splitDigest(digest).algorithm).subject?.digest;
    await this.store.manifests.delete(repository, digest, subjectOf);
  }

  /** Whether the repository has the blob, with the right bytes. This is a HEAD: it rescues what is condemned. */
  async hasBlob(repository: string, { digest }: Content): Promise<boolean> {
    return (await this.store.blobs.check(repository, digest)) !== undefined;
  }

  /** Whether the record of the blob is there at all. Nobody is promised anything. */
  async keeps({ digest }: Content): Promise<boolean> {
    const { algorithm, hex } = splitDigest(digest);
    return (await this.driver.size(`blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`)) !== undefined;
  }

  /** Whether the manifest is there at all. Nobody is promised anything. */
  async keepsManifest(repository: string, { digest }: Content): Promise<boolean> {
    const key = `repos/${repository.replaceAll('/', '~')}/manifests/${digest.replace(':', '/')}`;
    return (await this.driver.size(key)) !== undefined;
  }

  /** All keys that begin so. */
  async keys(prefix: string): Promise<readonly string[]> {
    return (await this.driver.list(prefix, { limit: 100_000 })).keys;
  }

  /** All keys of manifests and tags, deleted or not. */
  async keysOfContent(): Promise<readonly string[]> {
    const all = await this.keys('');
    return all.filter((key) => /^deleted-tags\/|^repos\/[^/]+\/(?:manifests|tags)\//.test(key));
  }

  collect(rules: Rules = {}): Promise<Collected> {
    return finish(collectionOn(this.driver, this.store, rules));
  }
}
