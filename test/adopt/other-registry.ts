import type { StorageDriver } from '@entrepot/plugin-sdk';
import { layout } from '../../core/src/store/distribution/layout.ts';
import type { Content, ManifestContent } from '../oci/content.ts';

/** Writes what a CNCF distribution registry writes, in its order, into the storage of a driver. */
export class WrittenRegistry {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  async bytes({ digest, bytes }: Content): Promise<void> {
    const key = layout.bytes(digest);
    const state = await this.#driver.createUpload(key);
    await this.#driver.completeUpload({ key, offset: 0, parts: 0, state }, [bytes]);
  }

  async blob(repository: string, content: Content): Promise<void> {
    await this.bytes(content);
    await this.link(layout.layer(repository, content.digest), content.digest);
  }

  async manifest(repository: string, content: ManifestContent, ...tags: readonly string[]): Promise<void> {
    await this.bytes(content);
    await this.link(layout.revision(repository, content.digest), content.digest);
    for (const tag of tags) {
      await this.link(layout.tagged(repository, tag, content.digest), content.digest);
      await this.link(layout.tag(repository, tag), content.digest);
    }
  }

  async link(key: string, text: string): Promise<void> {
    await this.#driver.write(key, Buffer.from(text));
  }
}
