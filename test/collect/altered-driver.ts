import type { StorageDriver } from '@entrepot/plugin-sdk';

/** A driver that does some things in another way. */
export function altered(driver: StorageDriver, changes: Partial<StorageDriver>): StorageDriver {
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
    ...changes,
  };
}
