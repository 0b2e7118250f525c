import { definePlugin, type LargeObject, type StorageDriver } from '@entrepot/plugin-sdk';

/** Every how many calls of a kind a lie is told. */
const EVERY = 3;

type Lie = (driver: StorageDriver) => Partial<StorageDriver>;

/** Ways in which storage can betray a registry. The torture has to notice each. */
const lies: Readonly<Record<string, Lie>> = {
  /** Tags are acknowledged and not written. */
  forgets: (driver) => {
    const isTime = every();
    return {
      write: async (key, bytes, options) =>
        /\/tags\//.test(key) && isTime() ? { bytes, etag: 'never' } : driver.write(key, bytes, options),
    };
  },

  /** Tags outlive the manifests they lead to. */
  keeps: (driver) => {
    const isTime = every();
    return {
      delete: async (key, options) => {
        if (!/\/tags\//.test(key) || !isTime()) await driver.delete(key, options);
      },
    };
  },

  /** The process ends when a tag is written. */
  ends: (driver) => {
    const isTime = every();
    return {
      write: (key, bytes, options) =>
        /\/tags\//.test(key) && isTime() ? process.exit(3) : driver.write(key, bytes, options),
    };
  },

  /** Blobs have other bytes, and as many. */
  garbles: (driver) => {
    const isTime = every();
    return {
      open: async (key, range) => {
        const object = await driver.open(key, range);
        return object !== undefined && isTime() ? garbled(object) : object;
      },
    };
  },
};

export default definePlugin<Record<string, never>>({
  name: 'torture-lies',
  schema: { type: 'object', additionalProperties: false, required: [] },
  setup({ name, hooks }) {
    // Which one is said by the address it is imported from: `lies.ts?forgets`.
    const lie = lies[new URL(import.meta.url).search.slice(1)];
    if (lie === undefined) throw new Error('no such lie');
    hooks.wrapStorage.tap(name, (driver) => ({ ...calling(driver), ...lie(driver) }));
  },
});

function every(): () => boolean {
  let calls = 0;
  return () => {
    calls += 1;
    return calls % EVERY === 0;
  };
}

function garbled(object: LargeObject): LargeObject {
  return {
    size: object.size,
    read: async () => (await object.read())?.map((byte) => byte ^ 1),
    close: () => object.close(),
  };
}

function calling(driver: StorageDriver): StorageDriver {
  return {
    partSize: (offset) => driver.partSize(offset),
    read: (key, known) => driver.read(key, known),
    size: (key) => driver.size(key),
    list: (prefix, options) => driver.list(prefix, options),
    open: (key, range) => driver.open(key, range),
    write: (key, bytes, options) => driver.write(key, bytes, options),
    delete: (key, options) => driver.delete(key, options),
    createUpload: (key) => driver.createUpload(key),
    uploadPart: (upload, part) => driver.uploadPart(upload, part),
    completeUpload: (upload, last) => driver.completeUpload(upload, last),
    abortUpload: (upload) => driver.abortUpload(upload),
  };
}
