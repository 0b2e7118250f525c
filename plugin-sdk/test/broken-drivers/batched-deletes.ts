import { StorageError, type StorageDriver } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

/** `deleteMany` as it should be, on top of `delete`. */
export function deletesMany(driver: StorageDriver): Required<Pick<StorageDriver, 'deleteMany'>> {
  return {
    async deleteMany(keys) {
      await Promise.all(keys.map((key) => driver.delete(key)));
      return new Map();
    },
  };
}

const title = 'many objects are deleted at once, large and small, and their neighbours stay';
const absence = 'what is absent does not fail to be deleted, among a thousand keys';

export const brokenBatchedDeletes: BrokenDriver[] = [
  {
    flaw: 'the last of many keys is forgotten',
    noticed: title,
    breaks: (driver) => ({ deleteMany: (keys) => deletesMany(driver).deleteMany(keys.slice(0, -1)) }),
  },
  {
    flaw: 'all that begins with a key goes with it',
    noticed: title,
    breaks: (driver) => ({
      async deleteMany(keys) {
        for (const key of keys)
          for (const other of (await driver.list(key, { limit: 100 })).keys) await driver.delete(other);
        return new Map();
      },
    }),
  },
  {
    flaw: 'what is absent has failed to be deleted',
    noticed: absence,
    breaks: (driver) => ({
      async deleteMany(keys) {
        const failed = new Map<string, StorageError>();
        for (const key of keys) {
          if ((await driver.size(key)) === undefined) failed.set(key, new StorageError('UNAVAILABLE', '404'));
          await driver.delete(key);
        }
        return failed;
      },
    }),
  },
  {
    flaw: 'only a hundred keys are deleted at once',
    noticed: absence,
    breaks: (driver) => ({ deleteMany: (keys) => deletesMany(driver).deleteMany(keys.slice(0, 100)) }),
  },
  {
    flaw: 'nothing cannot be deleted',
    noticed: absence,
    breaks: (driver) => ({
      deleteMany: async (keys) => {
        if (keys.length === 0) throw new StorageError('UNAVAILABLE', 'MalformedXML');
        return deletesMany(driver).deleteMany(keys);
      },
    }),
  },
];
