import type { StorageDriver } from '@entrepot/plugin-sdk';

/** A way to break a driver that is correct, and the test of the kit that has to notice. */
export interface BrokenDriver {
  /** What is wrong with it. */
  readonly flaw: string;
  /** Title of a test that fails. */
  readonly noticed: string;
  /** What it does instead. Called for each driver, as a process would construct one. */
  readonly breaks: (driver: StorageDriver) => Partial<StorageDriver>;
}

/** `driver` with some of its methods replaced. */
export function withMethods(driver: StorageDriver, replaced: Partial<StorageDriver>): StorageDriver {
  return {
    partSize: (offset) => driver.partSize(offset),
    read: (key, known) => driver.read(key, known),
    write: (key, bytes, options) => driver.write(key, bytes, options),
    delete: (key, options) => driver.delete(key, options),
    list: (prefix, options) => driver.list(prefix, options),
    open: (key, range) => driver.open(key, range),
    size: (key) => driver.size(key),
    createUpload: (key) => driver.createUpload(key),
    uploadPart: (upload, part) => driver.uploadPart(upload, part),
    completeUpload: (upload, lastPart) => driver.completeUpload(upload, lastPart),
    abortUpload: (upload) => driver.abortUpload(upload),
    ...replaced,
  };
}
