import { StorageError, type LargeObject, type StorageDriver } from '@entrepot/plugin-sdk';
import type { BrokenDriver } from './broken-driver.ts';

/** A driver whose open objects are what `change` makes of them. */
function opening(
  driver: StorageDriver,
  change: (object: LargeObject, key: string) => Partial<LargeObject>,
): Partial<StorageDriver> {
  return {
    async open(key, range) {
      const object = await driver.open(key, range);
      if (object === undefined) return undefined;
      return {
        size: object.size,
        read: () => object.read(),
        close: () => object.close(),
        ...change(object, key),
      };
    },
  };
}

export const brokenStreams: BrokenDriver[] = [
  {
    flaw: 'the last byte of each chunk is lost',
    noticed: 'a large object is read whole, in order, and tells its size',
    breaks: (driver) =>
      opening(driver, (object) => ({ read: async () => (await object.read())?.subarray(0, -1) })),
  },
  {
    flaw: 'an object ends early and says that this was all',
    noticed: 'a small object is opened like a large one',
    breaks: (driver) =>
      opening(driver, (object) => {
        let reads = 0;
        return {
          async read() {
            reads += 1;
            return reads === 1 ? (await object.read())?.subarray(0, 65_536) : undefined;
          },
        };
      }),
  },
  {
    flaw: 'the end of a range is part of it',
    noticed: 'a range is half-open: its start, its middle, one byte, the last byte',
    breaks: (driver) => ({
      open: (key, range) => driver.open(key, range && { start: range.start, end: range.end + 1 }),
    }),
  },
  {
    flaw: 'ranges are ignored',
    noticed: 'a range is half-open: its start, its middle, one byte, the last byte',
    breaks: (driver) => ({ open: (key) => driver.open(key) }),
  },
  {
    flaw: 'a range past the end is an error',
    noticed: 'a range that reaches past the end is cut there',
    breaks: (driver) => ({
      async open(key, range) {
        if (range !== undefined && range.end > ((await driver.size(key)) ?? Infinity)) {
          throw new StorageError('UNAVAILABLE', '416 Range Not Satisfiable');
        }
        return driver.open(key, range);
      },
    }),
  },
  {
    flaw: 'an object is absent where a range begins past its end',
    noticed: 'a range that begins at the end or behind it has no bytes',
    breaks: (driver) => ({
      async open(key, range) {
        if (range !== undefined && range.start >= ((await driver.size(key)) ?? 0)) return undefined;
        return driver.open(key, range);
      },
    }),
  },
  {
    flaw: 'the size of an open object is that of the range',
    noticed: 'a range is half-open: its start, its middle, one byte, the last byte',
    breaks: (driver) => ({
      async open(key, range) {
        const object = await driver.open(key, range);
        if (object === undefined || range === undefined) return object;
        return { size: range.end - range.start, read: () => object.read(), close: () => object.close() };
      },
    }),
  },
  {
    flaw: 'the size of what is absent is 0',
    noticed: 'an absent object has no size and cannot be opened, with or without a range',
    breaks: (driver) => ({ size: async (key) => (await driver.size(key)) ?? 0 }),
  },
  {
    flaw: 'a size is remembered',
    noticed: 'the size follows each replacement and each delete',
    breaks(driver) {
      const sizes = new Map<string, number>();
      return {
        async size(key) {
          const size = sizes.get(key) ?? (await driver.size(key));
          if (size !== undefined) sizes.set(key, size);
          return size;
        },
      };
    },
  },
  {
    flaw: 'opening what is absent is an error',
    noticed: 'an absent object has no size and cannot be opened, with or without a range',
    breaks: (driver) => ({
      async open(key, range) {
        const object = await driver.open(key, range);
        if (object === undefined) throw new StorageError('UNAVAILABLE', 'no such file');
        return object;
      },
    }),
  },
  {
    flaw: 'small objects cannot be opened',
    noticed: 'a small object is opened like a large one',
    breaks(driver) {
      const small = new Set<string>();
      return {
        write(key, bytes, options) {
          small.add(key);
          return driver.write(key, bytes, options);
        },
        open: async (key, range) => (small.has(key) ? undefined : driver.open(key, range)),
      };
    },
  },
  {
    flaw: 'all open objects read into one buffer',
    noticed: 'objects that are open at the same time do not mix',
    breaks(driver) {
      const buffer = new Uint8Array(32 * 1024 ** 2);
      return opening(driver, (object) => ({
        async read() {
          const chunk = await object.read();
          if (chunk === undefined) return undefined;
          buffer.set(chunk);
          return buffer.subarray(0, chunk.length);
        },
      }));
    },
  },
  {
    flaw: 'reading goes on after the end',
    noticed: 'a large object is read whole, in order, and tells its size',
    breaks: (driver) =>
      opening(driver, (object) => {
        let last: Uint8Array | undefined;
        let ended = false;
        return {
          async read() {
            if (ended) return last;
            const chunk = await object.read();
            if (chunk === undefined) ended = true;
            else last = Uint8Array.from(chunk);
            return chunk;
          },
        };
      }),
  },
  {
    flaw: 'closing twice is an error',
    noticed: 'an object may be closed in the middle, before the first byte, and twice',
    breaks: (driver) =>
      opening(driver, (object) => {
        let closed = false;
        return {
          async close() {
            if (closed) throw new StorageError('UNAVAILABLE', 'bad file descriptor');
            closed = true;
            await object.close();
          },
        };
      }),
  },
  {
    flaw: 'an object that is deleted while it is open ends early and says nothing',
    noticed: 'an object that is deleted while it is open is read whole or not to its end',
    breaks: (driver) =>
      opening(driver, (object, key) => ({
        read: async () => ((await driver.size(key)) === undefined ? undefined : object.read()),
      })),
  },
  {
    flaw: 'an object that is replaced while it is open goes on in the new version',
    noticed: 'an object that is replaced while it is open is read in one version',
    breaks: (driver) => ({
      async open(key, range) {
        const object = await driver.open(key, range);
        if (object === undefined) return undefined;
        const end = Math.min(range?.end ?? object.size, object.size);
        let offset = range?.start ?? 0;
        return {
          size: object.size,
          async read() {
            if (offset >= end) return undefined;
            const piece = await driver.open(key, { start: offset, end: Math.min(offset + 65_536, end) });
            const chunk = await piece?.read();
            offset += chunk?.length ?? 0;
            return chunk;
          },
          close: () => object.close(),
        };
      },
    }),
  },
  {
    flaw: 'large objects are never deleted',
    noticed: 'a large object is deleted like a small one',
    breaks(driver) {
      const large = new Set<string>();
      return {
        completeUpload(upload, lastPart) {
          large.add(upload.key);
          return driver.completeUpload(upload, lastPart);
        },
        delete: async (key, options) => (large.has(key) ? undefined : driver.delete(key, options)),
      };
    },
  },
];
