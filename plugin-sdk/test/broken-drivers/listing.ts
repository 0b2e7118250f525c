import type { ListOptions, ListPage, StorageDriver } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

/** A page of all keys under `prefix` as `order` orders them. */
async function ordered(
  driver: StorageDriver,
  prefix: string,
  { startAfter, limit }: ListOptions,
  order: (one: string, other: string) => number,
): Promise<ListPage> {
  const all = await driver.list(prefix, { limit: 10_000 });
  const keys = all.keys
    .toSorted(order)
    .filter((key) => startAfter === undefined || order(key, startAfter) > 0);
  return { keys: keys.slice(0, limit), more: keys.length > limit };
}

function byFolder(one: string, other: string): number {
  const [a, b] = [one, other].map((key) => key.replaceAll('/', '\0'));
  return a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1;
}

export const brokenListing: BrokenDriver[] = [
  {
    flaw: 'keys are in the order of a language',
    noticed: 'keys come in byte order, whatever folders they are in',
    breaks: (driver) => ({
      list: (prefix, options) =>
        ordered(driver, prefix, options, (one, other) => one.localeCompare(other, 'en')),
    }),
  },
  {
    flaw: 'keys are in the order of a walk through folders',
    noticed: 'keys come in byte order, whatever folders they are in',
    breaks: (driver) => ({ list: (prefix, options) => ordered(driver, prefix, options, byFolder) }),
  },
  {
    flaw: 'a prefix is a folder',
    noticed: 'a prefix is not a folder: it may end anywhere in a key',
    breaks: (driver) => ({
      list: (prefix, options) =>
        driver.list(prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`, options),
    }),
  },
  {
    flaw: 'a prefix is cut to a folder',
    noticed: 'a prefix is not a folder: it may end anywhere in a key',
    breaks: (driver) => ({
      list: (prefix, options) => driver.list(prefix.slice(0, prefix.lastIndexOf('/') + 1), options),
    }),
  },
  {
    flaw: 'a page has one key more than it may',
    noticed: 'keys come in byte order, whatever folders they are in',
    breaks: (driver) => ({
      list: (prefix, options) => driver.list(prefix, { ...options, limit: options.limit + 1 }),
    }),
  },
  {
    flaw: 'startAfter is part of the page',
    noticed: 'startAfter names a place, not a key: it may be absent, before the prefix or behind it',
    breaks: (driver) => ({
      async list(prefix, options) {
        const { keys, more } = await driver.list(prefix, options);
        const { startAfter } = options;
        if (startAfter === undefined || (await driver.size(startAfter)) === undefined) return { keys, more };
        return {
          keys: [startAfter, ...keys].slice(0, options.limit),
          more: more || keys.length === options.limit,
        };
      },
    }),
  },
  {
    flaw: 'startAfter has to be a key that is there',
    noticed: 'startAfter names a place, not a key: it may be absent, before the prefix or behind it',
    breaks: (driver) => ({
      async list(prefix, { startAfter, limit }) {
        const { keys } = await driver.list(prefix, { limit: 10_000 });
        const following = startAfter === undefined ? keys : keys.slice(keys.indexOf(startAfter) + 1);
        return { keys: following.slice(0, limit), more: following.length > limit };
      },
    }),
  },
  {
    flaw: 'startAfter is looked at within the prefix only',
    noticed: 'startAfter names a place, not a key: it may be absent, before the prefix or behind it',
    breaks: (driver) => ({
      list: (prefix, { startAfter, limit }) =>
        driver.list(prefix, startAfter?.startsWith(prefix) === true ? { startAfter, limit } : { limit }),
    }),
  },
  {
    flaw: 'a full page is taken for one with more behind it',
    noticed: '`more` says whether keys follow, also when the page ends with the last of them',
    breaks: (driver) => ({
      async list(prefix, options) {
        const { keys } = await driver.list(prefix, options);
        return { keys, more: keys.length === options.limit };
      },
    }),
  },
  {
    flaw: 'more is never said',
    noticed: '1,234 keys are paged through without loss or repetition',
    breaks: (driver) => ({
      list: async (prefix, options) => ({ ...(await driver.list(prefix, options)), more: false }),
    }),
  },
  {
    flaw: 'pages end at 1,000 keys, and say that this was all',
    noticed: '1,234 keys are paged through without loss or repetition',
    breaks: (driver) => ({
      async list(prefix, options) {
        const { keys, more } = await driver.list(prefix, options);
        return { keys: keys.slice(0, 1000), more };
      },
    }),
  },
  {
    flaw: 'a page is empty although keys follow',
    noticed: 'keys come in byte order, whatever folders they are in',
    breaks: (driver) => ({
      list: async (prefix, options) =>
        options.startAfter === undefined ? { keys: [], more: true } : driver.list(prefix, options),
    }),
  },
  {
    flaw: 'what has been listed once is listed for ever',
    noticed: 'what is deleted is listed no more',
    breaks(driver) {
      const seen = new Map<string, ListPage>();
      return {
        async list(prefix, options) {
          const place = JSON.stringify([prefix, options]);
          const page = seen.get(place) ?? (await driver.list(prefix, options));
          seen.set(place, page);
          return page;
        },
      };
    },
  },
];
