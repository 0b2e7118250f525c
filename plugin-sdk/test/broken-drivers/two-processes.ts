import type { ListPage, SmallObject } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

let processes = 0;

export const brokenProcesses: BrokenDriver[] = [
  {
    flaw: 'each process remembers what it has read',
    noticed: 'what one process writes, another reads, opens, measures and lists at once',
    breaks(driver) {
      const seen = new Map<string, SmallObject>();
      return {
        async read(key) {
          const object = seen.get(key) ?? (await driver.read(key));
          if (object !== undefined) seen.set(key, object);
          return object;
        },
        async write(key, bytes, options) {
          seen.delete(key);
          return driver.write(key, bytes, options);
        },
        async delete(key, options) {
          seen.delete(key);
          return driver.delete(key, options);
        },
      };
    },
  },
  {
    flaw: 'each process remembers what was absent',
    noticed: 'a large object that one process completes, another reads at once',
    breaks(driver) {
      const absent = new Set<string>();
      return {
        async open(key, range) {
          if (absent.has(key)) return undefined;
          const object = await driver.open(key, range);
          if (object === undefined) absent.add(key);
          return object;
        },
      };
    },
  },
  {
    flaw: 'each process lists what it listed before its own last write',
    noticed: 'what one process deletes is gone for another at once',
    breaks(driver) {
      const pages = new Map<string, ListPage>();
      return {
        async list(prefix, options) {
          const place = JSON.stringify([prefix, options]);
          const page = pages.get(place) ?? (await driver.list(prefix, options));
          pages.set(place, page);
          return page;
        },
        write(key, bytes, options) {
          pages.clear();
          return driver.write(key, bytes, options);
        },
        delete(key, options) {
          pages.clear();
          return driver.delete(key, options);
        },
      };
    },
  },
  {
    flaw: 'transient objects stay in the process',
    noticed: 'what was written outlives the process, transient or not',
    breaks(driver) {
      const transient = new Map<string, SmallObject>();
      return {
        async write(key, bytes, options) {
          if (options?.transient !== true) return driver.write(key, bytes, options);
          const object = { bytes, etag: `transient-${transient.size}` };
          transient.set(key, object);
          return object;
        },
        read: async (key, known) => transient.get(key) ?? driver.read(key, known),
      };
    },
  },
  {
    flaw: 'what is known counts until its own process deletes it',
    noticed: 'a read that knows an object is never stale: another process deletes it, and writes it anew',
    breaks(driver) {
      const deleted = new Set<string>();
      return {
        async read(key, known) {
          const object = await driver.read(key, known);
          return object === undefined && !deleted.has(key) ? known : object;
        },
        async delete(key, options) {
          await driver.delete(key, options);
          deleted.add(key);
        },
      };
    },
  },
  {
    flaw: 'etags are the secret of each process',
    noticed: 'an etag from one process is a condition in another',
    breaks(driver) {
      processes += 1;
      const mark = `process-${processes}-`;
      const marked = (object: SmallObject): SmallObject => ({ ...object, etag: mark + object.etag });
      const unmarked = (etag: string): string => (etag.startsWith(mark) ? etag.slice(mark.length) : etag);
      return {
        async read(key) {
          const object = await driver.read(key);
          return object && marked(object);
        },
        async write(key, bytes, { ifMatch, ...options } = {}) {
          const condition = ifMatch === undefined ? {} : { ifMatch: unmarked(ifMatch) };
          return marked(await driver.write(key, bytes, { ...options, ...condition }));
        },
        delete: (key, { ifMatch } = {}) =>
          driver.delete(key, ifMatch === undefined ? {} : { ifMatch: unmarked(ifMatch) }),
      };
    },
  },
  {
    flaw: 'each process has parts of another size',
    noticed: 'parts are as long in every process',
    breaks() {
      processes += 1;
      const size = processes;
      return { partSize: () => size };
    },
  },
];
