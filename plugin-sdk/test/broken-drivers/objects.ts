import { setImmediate } from 'node:timers/promises';
import { StorageError, type SmallObject } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

export const brokenObjects: BrokenDriver[] = [
  {
    flaw: 'a write shows half of the object first',
    noticed: 'while an object is replaced, every reader sees the whole old or the whole new one',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        await driver.write(key, bytes.subarray(0, bytes.length / 2), options);
        await setImmediate();
        return driver.write(key, bytes);
      },
    }),
  },
  {
    flaw: 'a write removes the old object first',
    noticed: 'while an object is replaced, every reader sees the whole old or the whole new one',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        if (options?.ifAbsent === true || options?.ifMatch !== undefined)
          return driver.write(key, bytes, options);
        await driver.delete(key);
        await setImmediate();
        return driver.write(key, bytes, options);
      },
    }),
  },
  {
    flaw: 'a longer old object shows behind a shorter new one',
    noticed: 'a write replaces the whole object, by a longer and by a shorter one',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        const old = await driver.read(key);
        return driver.write(
          key,
          Buffer.concat([bytes, old?.bytes.subarray(bytes.length) ?? Buffer.of()]),
          options,
        );
      },
    }),
  },
  {
    flaw: 'the whole buffer is written instead of the view of it',
    noticed: 'bytes in the middle of a larger buffer are written alone',
    breaks: (driver) => ({
      write: (key, bytes, options) => driver.write(key, new Uint8Array(bytes.buffer), options),
    }),
  },
  {
    flaw: 'the bytes of the caller are kept, not copied',
    noticed: "the bytes are the caller's again once a write has settled",
    breaks(driver) {
      const kept = new Map<string, Uint8Array>();
      return {
        async write(key, bytes, options) {
          const object = await driver.write(key, bytes, options);
          kept.set(object.etag, bytes);
          return object;
        },
        async read(key) {
          const object = await driver.read(key);
          return object && { etag: object.etag, bytes: kept.get(object.etag) ?? object.bytes };
        },
      };
    },
  },
  {
    flaw: 'an absent object is an error',
    noticed: 'an absent object is undefined',
    breaks: (driver) => ({
      async read(key, known) {
        const object = await driver.read(key, known);
        if (object === undefined) throw new StorageError('UNAVAILABLE', 'no such file');
        return object;
      },
    }),
  },
  {
    flaw: 'an empty object is absent',
    noticed: 'an empty object is an object',
    breaks: (driver) => ({
      async read(key) {
        const object = await driver.read(key);
        return object?.bytes.length === 0 ? undefined : object;
      },
    }),
  },
  {
    flaw: 'an object of more than 4 MiB is refused',
    noticed: 'an object of 16 MiB is small',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        if (bytes.length > 4 * 1024 ** 2) throw new StorageError('NO_SPACE', 'too large');
        return driver.write(key, bytes, options);
      },
    }),
  },
  {
    flaw: 'an etag is the length of the object',
    noticed: 'each version has an etag of its own, also when the object was deleted in between',
    breaks(driver) {
      const named = (object: SmallObject): SmallObject => ({ ...object, etag: String(object.bytes.length) });
      return {
        async read(key) {
          const object = await driver.read(key);
          return object && named(object);
        },
        async write(key, bytes, options) {
          return named(await driver.write(key, bytes, options));
        },
      };
    },
  },
  {
    flaw: 'the etag that a write returns is not the one that a read returns',
    noticed: 'what was written is read back, under the etag that the write returned',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        const object = await driver.write(key, bytes, options);
        return { ...object, etag: `"${object.etag}"` };
      },
    }),
  },
  {
    flaw: 'what is known is returned unasked',
    noticed: 'a read that knows the object returns what there is, changed or not',
    breaks: (driver) => ({ read: async (key, known) => known ?? driver.read(key) }),
  },
  {
    flaw: 'what is known is returned while the length is the same',
    noticed: 'a read that knows an object is never stale: another process rewrites it, as long as it was',
    breaks: (driver) => ({
      async read(key, known) {
        const object = await driver.read(key);
        return object !== undefined && object.bytes.length === known?.bytes.length ? known : object;
      },
    }),
  },
  {
    flaw: 'deleting what is absent is an error',
    noticed: 'deleting what is absent is no error',
    breaks: (driver) => ({
      async delete(key, options) {
        if ((await driver.size(key)) === undefined) throw new StorageError('UNAVAILABLE', 'no such file');
        return driver.delete(key, options);
      },
    }),
  },
  {
    flaw: 'a delete takes all keys that start alike with it',
    noticed: 'deleting one object leaves its neighbours',
    breaks: (driver) => ({
      async delete(key, options) {
        const { keys } = await driver.list(key, { limit: 100 });
        await driver.delete(key, options);
        for (const other of keys) await driver.delete(other);
      },
    }),
  },
  {
    flaw: 'keys that differ in case alone are one',
    noticed: 'every key that core may use names an object of its own',
    breaks: (driver) => ({
      read: (key, known) => driver.read(key.toLowerCase(), known),
      write: (key, bytes, options) => driver.write(key.toLowerCase(), bytes, options),
    }),
  },
  {
    flaw: 'a key named __proto__ is lost in a plain object',
    noticed: 'every key that core may use names an object of its own',
    breaks: (driver) => ({ read: async (key) => (key in {} ? undefined : driver.read(key)) }),
  },
  {
    flaw: 'files for its own use are taken for objects',
    noticed: 'every key that core may use names an object of its own',
    breaks: (driver) => ({
      async list(prefix, options) {
        const page = await driver.list(prefix, options);
        return { ...page, keys: page.keys.filter((key) => !key.endsWith('.tmp')) };
      },
    }),
  },
];
