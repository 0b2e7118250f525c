import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

/** Second keys for a driver in memory, where a key and a copy cannot be told apart. */
export function linkOf(driver: StorageDriver): NonNullable<StorageDriver['link']> {
  return async (from, to) => {
    const bytes = (await driver.read(from))?.bytes;
    if (bytes === undefined || (await driver.size(to)) !== undefined) return false;
    await driver.write(to, bytes);
    return true;
  };
}

export function brokenLinks(): BrokenDriver[] {
  const twoKeys = 'an object has two keys, and either can be deleted without the other';
  return [
    {
      flaw: 'the second key has nothing',
      noticed: twoKeys,
      breaks: () => ({ link: async () => true }),
    },
    {
      flaw: 'the second key goes with the first',
      noticed: twoKeys,
      breaks: (driver) => ({
        link: linkOf(driver),
        delete: async (key, options) => {
          await driver.delete(key, options);
          await driver.delete(key.replace(/one$/, 'two'));
        },
      }),
    },
    {
      flaw: 'the second key replaces what is there',
      noticed: 'a key that is taken stays what it is',
      breaks: (driver) => ({
        link: async (from, to) => {
          await driver.delete(to);
          return linkOf(driver)(from, to);
        },
      }),
    },
    {
      flaw: 'giving what is absent a key fails',
      noticed: 'what is absent gets no second key',
      breaks: (driver) => ({
        link: async (from, to) => {
          if ((await driver.size(from)) === undefined) throw new Error('no such file');
          return linkOf(driver)(from, to);
        },
      }),
    },
    {
      flaw: 'the second key is not listed',
      noticed: 'a second key is listed',
      breaks: (driver) => ({
        link: linkOf(driver),
        list: async (prefix, options) => {
          const page = await driver.list(prefix, options);
          return { ...page, keys: page.keys.filter((key) => key !== 'b/two') };
        },
      }),
    },
  ];
}
