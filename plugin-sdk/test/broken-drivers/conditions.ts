import { setImmediate } from 'node:timers/promises';
import { isStorageError, StorageError, type StorageDriver, type WriteOptions } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

const refusal = (): StorageError => new StorageError('PRECONDITION_FAILED', 'the condition does not hold');

/** A driver that does `instead` when a condition has failed. */
function afterRefusal(
  driver: StorageDriver,
  instead: (key: string, bytes: Uint8Array) => Promise<never>,
): Partial<StorageDriver> {
  return {
    async write(key, bytes, options) {
      try {
        return await driver.write(key, bytes, options);
      } catch (error) {
        if (isStorageError(error, 'PRECONDITION_FAILED')) return instead(key, bytes);
        throw error;
      }
    },
  };
}

async function check(driver: StorageDriver, key: string, { ifAbsent, ifMatch }: WriteOptions): Promise<void> {
  const object = await driver.read(key);
  if (ifAbsent === true && object !== undefined) throw refusal();
  if (ifMatch !== undefined && object?.etag !== ifMatch) throw refusal();
}

export const brokenConditions: BrokenDriver[] = [
  {
    flaw: 'ifAbsent is ignored',
    noticed: 'ifAbsent leaves an object that is there as it is',
    breaks: (driver) => ({
      write: (key, bytes, options) => driver.write(key, bytes, { ...options, ifAbsent: false }),
    }),
  },
  {
    flaw: 'ifAbsent: false is taken for a condition',
    noticed: 'ifAbsent: false is no condition',
    breaks: (driver) => ({
      write: (key, bytes, options = {}) =>
        driver.write(key, bytes, { ...options, ifAbsent: 'ifAbsent' in options }),
    }),
  },
  {
    flaw: 'ifMatch is ignored by writes',
    noticed: 'ifMatch refuses an older version and leaves the object as it is',
    breaks: (driver) => ({
      write: (key, bytes, { ifMatch: _, ...options } = {}) => driver.write(key, bytes, options),
    }),
  },
  {
    flaw: 'ifMatch asks for some object, not for its version',
    noticed: 'ifMatch refuses the version of another object',
    breaks: (driver) => ({
      async write(key, bytes, { ifMatch, ...options } = {}) {
        if (ifMatch !== undefined && (await driver.size(key)) === undefined) throw refusal();
        return driver.write(key, bytes, options);
      },
    }),
  },
  {
    flaw: 'ifMatch matches a missing key',
    noticed: 'ifMatch never matches a missing key',
    breaks: (driver) => ({
      async write(key, bytes, options) {
        if ((await driver.size(key)) === undefined) return driver.write(key, bytes);
        return driver.write(key, bytes, options);
      },
    }),
  },
  {
    flaw: 'ifMatch is ignored by deletes',
    noticed: 'a delete with ifMatch removes the version it names and no other',
    breaks: (driver) => ({ delete: (key) => driver.delete(key) }),
  },
  {
    flaw: 'deleting what is absent fails its condition',
    noticed: 'deleting what is absent is no error, also with ifMatch',
    breaks: (driver) => ({
      async delete(key, options) {
        if (options?.ifMatch !== undefined && (await driver.size(key)) === undefined) throw refusal();
        return driver.delete(key, options);
      },
    }),
  },
  {
    flaw: 'conditions are ignored for transient objects',
    noticed: 'conditions hold for transient objects too',
    breaks: (driver) => ({
      write: (key, bytes, options) => driver.write(key, bytes, options?.transient === true ? {} : options),
    }),
  },
  {
    flaw: 'ifAbsent is checked before the write, not with it',
    noticed: 'of 20 racers in two processes, ifAbsent lets one win',
    breaks: (driver) => ({
      async write(key, bytes, options = {}) {
        await check(driver, key, options);
        await setImmediate();
        return driver.write(key, bytes);
      },
    }),
  },
  {
    flaw: 'ifMatch is checked before the write, not with it',
    noticed: 'of 20 racers in two processes that count up with ifMatch, none is lost',
    breaks: (driver) => ({
      async write(key, bytes, options = {}) {
        await check(driver, key, options);
        await setImmediate();
        return driver.write(key, bytes);
      },
    }),
  },
  {
    flaw: 'a condition is kept by a lock of the process, not of the backend',
    noticed: 'of 20 racers in two processes that count up with ifMatch, none is lost',
    breaks(driver) {
      let last: Promise<unknown> = Promise.resolve();
      return {
        write(key, bytes, options = {}) {
          const written = last.then(async () => {
            await check(driver, key, options);
            await setImmediate();
            return driver.write(key, bytes);
          });
          last = written.catch(() => undefined);
          return written;
        },
      };
    },
  },
  {
    flaw: 'a delete checks its condition before it removes, not with it',
    noticed: 'of a write and a delete with the same ifMatch, one wins',
    breaks: (driver) => ({
      async delete(key, options = {}) {
        if ((await driver.size(key)) !== undefined) await check(driver, key, options);
        await setImmediate();
        return driver.delete(key);
      },
    }),
  },
  {
    flaw: 'a write has been done when its condition fails',
    noticed: 'ifAbsent leaves an object that is there as it is',
    breaks: (driver) =>
      afterRefusal(driver, async (key, bytes) => {
        await driver.write(key, bytes);
        throw refusal();
      }),
  },
  {
    flaw: 'a failed condition is an error without a code',
    noticed: 'ifAbsent leaves an object that is there as it is',
    breaks: (driver) =>
      afterRefusal(driver, async () => {
        throw new Error('412 Precondition Failed');
      }),
  },
  {
    flaw: 'a failed condition has the code of a backend that is down',
    noticed: 'ifMatch refuses an older version and leaves the object as it is',
    breaks: (driver) =>
      afterRefusal(driver, async () => {
        throw new StorageError('UNAVAILABLE', '412 Precondition Failed');
      }),
  },
  {
    flaw: 'a write that meets another is refused, although its condition holds',
    noticed: 'of 20 racers in two processes, ifAbsent lets one win',
    breaks(driver) {
      let writing = 0;
      return {
        async write(key, bytes, options) {
          writing += 1;
          await setImmediate();
          const contended = writing > 1;
          await setImmediate();
          writing -= 1;
          if (contended) throw refusal();
          return driver.write(key, bytes, options);
        },
      };
    },
  },
];
