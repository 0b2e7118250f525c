import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { FilesystemDriver } from '@entrepot/storage-filesystem';
import { DirectoryNames } from '../src/directory-names.ts';
import { Root } from '../src/root.ts';
import { rank, sortNames } from '../src/sorted-names.ts';
import { TemporaryRoot } from './temporary-root.ts';

describe('listing', () => {
  let root: TemporaryRoot;
  let driver: FilesystemDriver;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
    driver = await root.driver({ fsync: false });
  });
  afterEach(() => root.destroy());

  const segment = fc.constantFrom('a', 'a-b', 'a.b', 'a0', 'b', '~', 'Z');
  // Folders and objects never share a name, as core promises: those of folders end in `_`.
  const key = fc
    .tuple(
      fc.array(
        segment.map((name) => `${name}_`),
        { maxLength: 2 },
      ),
      segment,
    )
    .map(([folders, name]) => [...folders, name].join('/'));
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '_', '-', '/', '~', 'Z', '.', 'é', '\0'),
    maxLength: 6,
  });

  it('agrees with a sorted set of keys, through any creations and deletions by two processes', async () => {
    const other = await root.driver({ fsync: false });
    const steps = fc.array(
      fc.record({
        by: fc.boolean(),
        key,
        present: fc.boolean(),
        prefix: text,
        startAfter: fc.option(text, { nil: undefined }),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
      { minLength: 1, maxLength: 15 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const keys = new Set<string>();
        for (const left of (await driver.list('', { limit: 100 })).keys) await driver.delete(left);
        for (const { by, key: each, present, prefix, startAfter, limit } of sequence) {
          const [writer, reader] = by ? [driver, other] : [other, driver];
          if (present) {
            await writer.write(each, Buffer.from('1'));
            keys.add(each);
          } else {
            await writer.delete(each);
            keys.delete(each);
          }
          const expected = [...keys]
            .sort()
            .filter((one) => one.startsWith(prefix) && one > (startAfter ?? ''));
          const page = await reader.list(
            prefix,
            startAfter === undefined ? { limit } : { startAfter, limit },
          );
          expect(page.keys).to.deep.equal(expected.slice(0, limit));
          expect(page.more).to.equal(expected.length > limit);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('passes by what is foreign: strange names, temporary files of others, empty folders', async () => {
    const objects = join(root.path, 'objects');
    await driver.write('a/b', Buffer.from('1'));
    for (const name of ['a/with space', 'a/ä', 'a/b,v', '#try']) await writeFile(join(objects, name), '');
    await mkdir(join(objects, 'empty/empty'), { recursive: true });
    await mkdir(join(objects, 'not a key'));
    await writeFile(join(objects, 'not a key/c'), '');
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['a/b'], more: false });
  });

  it('never leads out of the root', async () => {
    await writeFile(join(root.path, 'secret'), '');
    for (const prefix of ['../', '..', 'a/../../', './', '/', '//', 'a/./../../']) {
      expect(await driver.list(prefix, { limit: 10 }), prefix).to.deep.equal({ keys: [], more: false });
    }
  });

  it('gives pages of 10,000 keys at most', async () => {
    const directory = join(root.path, 'objects', 'many');
    await mkdir(directory);
    for (let start = 0; start < 10_001; start += 500) {
      const names = Array.from({ length: Math.min(500, 10_001 - start) }, (_, index) =>
        String(start + index),
      );
      await Promise.all(names.map((name) => writeFile(join(directory, name), '')));
    }
    const { keys, more } = await driver.list('', { limit: Number.MAX_SAFE_INTEGER });
    expect(keys).to.have.length(10_000);
    expect(more).to.equal(true);
    const rest = await driver.list('', { startAfter: keys.at(-1) ?? '', limit: 10 });
    expect(rest).to.deep.equal({ keys: ['many/9999'], more: false });
  });

  describe('names of a directory', () => {
    it('are read once for all who ask before the reading begins', async () => {
      const names = new DirectoryNames(new Root(root.path));
      const directory = join(root.path, 'objects');
      await writeFile(join(directory, 'a'), '');
      const first = names.in(directory);
      await writeFile(join(directory, 'b'), '');
      const later = await Promise.all([names.in(directory), names.in(directory), names.in(directory)]);
      await first;
      for (const each of later) expect(each).to.deep.equal(['a', 'b']);
      expect(later[1]).to.equal(later[2]);
    });

    it('are kept while the directory is at rest, and read anew when it has changed', async () => {
      const names = new DirectoryNames(new Root(root.path));
      const directory = join(root.path, 'objects');
      await writeFile(join(directory, 'a'), '');
      const rested = async (): Promise<readonly string[]> => {
        // As long as the directory is young, each call reads it.
        for (;;) {
          const one = await names.in(directory);
          if (one === (await names.in(directory))) return one;
        }
      };
      const before = await rested();
      expect(await names.in(directory)).to.equal(before);
      await writeFile(join(directory, 'b'), '');
      expect(await names.in(directory)).to.deep.equal(['a', 'b']);
    });

    it('are sorted by bytes, however many they are', async () => {
      const names = Array.from(
        { length: 20_000 },
        (_, index) => `v${(index * 7919) % 20_000}${index % 3 === 0 ? '/' : ''}`,
      );
      expect(await sortNames([...names])).to.deep.equal([...names].sort());
    });

    it('are found by rank', () => {
      const sorted = fc.array(text).map((names) => names.sort());
      fc.assert(
        fc.property(sorted, text, (names, name) => {
          expect(rank(names, name)).to.equal(names.filter((each) => each < name).length);
        }),
      );
    });
  });
});
