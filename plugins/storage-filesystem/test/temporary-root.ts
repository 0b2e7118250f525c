import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A directory for one test, and the drivers over it. */
export class TemporaryRoot {
  readonly path: string;
  readonly #drivers: FilesystemDriver[] = [];

  constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryRoot> {
    return new TemporaryRoot(await mkdtemp(join(tmpdir(), 'entrepot-fs-')));
  }

  /** Another driver over the same root: it shares no memory with the others. */
  async driver({
    fsync = true,
    log = silent,
  }: { fsync?: boolean; log?: Logger } = {}): Promise<FilesystemDriver> {
    const driver = new FilesystemDriver({ root: this.path, fsync, log });
    await driver.start();
    this.#drivers.push(driver);
    return driver;
  }

  async destroy(): Promise<void> {
    for (const driver of this.#drivers) await driver.stop();
    await rm(this.path, { recursive: true });
  }
}
