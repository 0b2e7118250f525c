import type { StorageDriver } from '../storage.ts';
import { equal } from './assertions.ts';
import { text } from './content.ts';
import { keysUnder } from './keys-under.ts';
import { allOf, upTo } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';

/** `list`: the order that pages and garbage collection rely on. */
export function listing(test: StorageTest): void {
  test('an empty backend lists nothing', async ({ driver }) => {
    equal(await driver.list('', { limit: 10 }), { keys: [], more: false }, says.more);
    equal(await driver.list('any/', { limit: 10 }), { keys: [], more: false }, says.more);
  });

  test('keys come in byte order, whatever folders they are in', async ({ driver }) => {
    const ordered = [
      'A/b',
      'B',
      'Z',
      '_',
      'a-b',
      'a-b0',
      'a.b',
      'a/B',
      'a/b',
      'a/b-c/d',
      'a/bb/c',
      'a0',
      'aB',
      'aa',
      'a~b',
    ];
    await fill(driver, ordered.toReversed());
    equal(await keysUnder(driver, ''), ordered, says.list);
    for (const limit of [1, 2, 3]) equal(await keysUnder(driver, '', { limit }), ordered, says.list);
  });

  test('a prefix is not a folder: it may end anywhere in a key', async ({ driver }) => {
    await fill(driver, ['repos/a-b/x', 'repos/a/x', 'repos/ab/x', 'repos/b/x', 'repos-z', 'repository/a']);
    const under = (prefix: string): Promise<string[]> => keysUnder(driver, prefix);
    equal(await under('repos/a'), ['repos/a-b/x', 'repos/a/x', 'repos/ab/x'], says.list);
    equal(await under('repos/a/'), ['repos/a/x'], says.list);
    equal(await under('repos/'), ['repos/a-b/x', 'repos/a/x', 'repos/ab/x', 'repos/b/x'], says.list);
    equal(await under('repos/b/x'), ['repos/b/x'], says.list);
    equal(await under('repos/b/x/'), [], says.list);
    equal(await under('repos/c'), [], says.list);
    equal((await under('repo')).length, 6, says.list);
  });

  test('startAfter names a place, not a key: it may be absent, before the prefix or behind it', async ({
    driver,
  }) => {
    await fill(driver, ['a', 'p/a', 'p/b-c', 'p/b/c', 'p/d', 'z']);
    const after = (startAfter: string): Promise<string[]> => keysUnder(driver, 'p/', { startAfter });
    equal(await after('p/a'), ['p/b-c', 'p/b/c', 'p/d'], says.list);
    equal(await after('p/aa'), ['p/b-c', 'p/b/c', 'p/d'], says.list);
    equal(await after('p/b'), ['p/b-c', 'p/b/c', 'p/d'], says.list);
    equal(await after('p/b-c'), ['p/b/c', 'p/d'], says.list);
    equal(await after('p/b.c'), ['p/b/c', 'p/d'], says.list);
    equal(await after('p/b/c'), ['p/d'], says.list);
    equal(await after('p/b/d'), ['p/d'], says.list);
    equal(await after('p/d'), [], says.list);
    equal(await after('a'), ['p/a', 'p/b-c', 'p/b/c', 'p/d'], says.list);
    equal(await after('p/'), ['p/a', 'p/b-c', 'p/b/c', 'p/d'], says.list);
    equal(await after('q'), [], says.list);
  });

  test('`more` says whether keys follow, also when the page ends with the last of them', async ({
    driver,
  }) => {
    await fill(driver, ['p/a', 'p/b', 'p/c', 'q']);
    for (const [limit, more] of [
      [2, true],
      [3, false],
      [4, false],
    ] as const) {
      const page = await driver.list('p/', { limit });
      // A short page is allowed; then it cannot be the last.
      equal(page.more, more || page.keys.length < 3, says.more);
    }
    equal(
      await driver.list('p/', { startAfter: 'p/b', limit: 1 }),
      { keys: ['p/c'], more: false },
      says.more,
    );
  });

  test('1,234 keys are paged through without loss or repetition', async ({ driver }) => {
    const keys = upTo(1234).map((number) => `many/${(number * 7919) % 1234}/${number % 3 === 0 ? 'x' : 'y'}`);
    for (const batch of upTo(Math.ceil(keys.length / 50)))
      await fill(driver, keys.slice(batch * 50, batch * 50 + 50));
    const ordered = keys.toSorted();
    for (const limit of [100, 617, 1234, 10_000]) {
      equal(await keysUnder(driver, 'many/', { limit }), ordered, says.list);
    }
    equal(
      await keysUnder(driver, 'many/', { startAfter: 'many/5' }),
      ordered.filter((key) => key > 'many/5'),
      says.list,
    );
  });

  test('what is deleted is listed no more', async ({ driver }) => {
    await fill(driver, ['a/b', 'a/c', 'd']);
    await driver.delete('a/b');
    equal(await keysUnder(driver, ''), ['a/c', 'd'], says.consistent);
    await driver.delete('a/c');
    equal(await keysUnder(driver, ''), ['d'], says.consistent);
    await fill(driver, ['a/b']);
    equal(await keysUnder(driver, ''), ['a/b', 'd'], says.consistent);
  });
}

/** Objects that need not survive a loss of power: their keys are all that counts here. */
async function fill(driver: StorageDriver, keys: readonly string[]): Promise<void> {
  await allOf(keys.map((key) => driver.write(key, text(key), { transient: true })));
}
