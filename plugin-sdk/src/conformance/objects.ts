import { setImmediate } from 'node:timers/promises';
import { isStorageError } from '../errors.ts';
import type { StorageDriver } from '../storage.ts';
import { absent, equal, fails, present, refused, sameBytes, succeeds } from './assertions.ts';
import { contentOf, drain, KiB, MiB, noise, text } from './content.ts';
import { keysUnder } from './keys-under.ts';
import { allOf } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';

/** Keys that an unlucky choice of file names, escapes or lookup tables would confuse or lose. */
const awkwardKeys = [
  '__proto__',
  'constructor',
  'hasOwnProperty/toString/__proto__',
  '...',
  '..a/b..',
  '.hidden/~',
  '-',
  '_',
  'a.tmp',
  'a.lock',
  'a.json/x',
  '.tmp/x',
  'tmp/x',
  'Case/Key',
  'case/key',
  `long/${'s'.repeat(255)}`,
  [255, 255, 254].map((length) => 'k'.repeat(length)).join('/') + '/k',
];

/** Small objects: written, replaced, read and removed whole. */
export function objects(test: StorageTest): void {
  test('an absent object is undefined', async ({ driver }) => {
    await absent(driver.read('absent'), says.absence);
    await absent(driver.read('absent', { bytes: text('old'), etag: 'old' }), says.absence);
  });

  test('what was written is read back, under the etag that the write returned', async ({ driver }) => {
    const written = await driver.write('a/b', text('one'));
    const read = present(await driver.read('a/b'), says.read);
    sameBytes(written.bytes, text('one'), says.write);
    sameBytes(read.bytes, text('one'), says.read);
    equal(read.etag, written.etag, says.etag);
  });

  test('an empty object is an object', async ({ driver }) => {
    await driver.write('empty', new Uint8Array());
    sameBytes((await driver.read('empty'))?.bytes, new Uint8Array(), says.read);
    sameBytes(await contentOf(driver, 'empty', says.open), new Uint8Array(), says.open);
  });

  test('an object of 16 MiB is small', async ({ driver }) => {
    const bytes = noise(16 * MiB, 1);
    await succeeds(driver.write('large', bytes), says.write);
    sameBytes((await driver.read('large'))?.bytes, bytes, says.write);
  });

  test('a larger one is refused, and what was there stays', async ({ driver }) => {
    await driver.write('large', text('small'));
    await fails(driver.write('large', new Uint8Array(16 * MiB + 1)), RangeError, says.tooLarge);
    sameBytes((await driver.read('large'))?.bytes, text('small'), says.tooLarge);
  });

  test('a write replaces the whole object, by a longer and by a shorter one', async ({ driver }) => {
    for (const length of [5000, 9000, 100, 0, 70_000]) {
      const bytes = noise(length, length);
      await driver.write('a', bytes);
      sameBytes((await driver.read('a'))?.bytes, bytes, says.write);
      sameBytes(await contentOf(driver, 'a', says.write), bytes, says.write);
    }
  });

  test('each version has an etag of its own, also when the object was deleted in between', async ({
    driver,
  }) => {
    const etags: string[] = [];
    // Core's objects carry a nonce, here the digit: the content of A comes back in A-B-A, its bytes do not.
    for (const content of ['A-1', 'B-2', 'A-3']) etags.push((await driver.write('a', text(content))).etag);
    await driver.delete('a');
    etags.push((await driver.write('a', text('A-4'))).etag);
    equal(new Set(etags).size, 4, says.etag);
  });

  test("the bytes are the caller's again once a write has settled", async ({ driver }) => {
    const bytes = noise(KiB, 1);
    await driver.write('a', bytes);
    bytes.fill(0);
    sameBytes((await driver.read('a'))?.bytes, noise(KiB, 1), says.callersBytes);
  });

  test('bytes in the middle of a larger buffer are written alone', async ({ driver }) => {
    const buffer = noise(3 * KiB, 1);
    await driver.write('a', buffer.subarray(KiB, 2 * KiB));
    sameBytes((await driver.read('a'))?.bytes, buffer.slice(KiB, 2 * KiB), says.write);
  });

  test('a deleted object is absent and can be written again', async ({ driver }) => {
    await driver.write('a/b', text('one'));
    await driver.delete('a/b');
    await absent(driver.read('a/b'), says.delete);
    await driver.write('a/b', text('two'));
    sameBytes((await driver.read('a/b'))?.bytes, text('two'), says.write);
  });

  test('deleting what is absent is no error', async ({ driver }) => {
    await succeeds(driver.delete('absent'), says.deleteAbsent);
    await succeeds(driver.delete('absent/too'), says.deleteAbsent);
  });

  test('deleting one object leaves its neighbours', async ({ driver }) => {
    for (const key of ['a/b', 'a/bc', 'a-b', 'a/c/d']) await driver.write(key, text(key));
    await driver.delete('a/b');
    for (const key of ['a/bc', 'a-b', 'a/c/d']) {
      sameBytes((await driver.read(key))?.bytes, text(key), says.delete);
    }
  });

  test('a read that knows the object returns what there is, changed or not', async ({ driver }) => {
    const first = await driver.write('a', text('value 1'));
    const unchanged = present(await driver.read('a', first), says.known);
    sameBytes(unchanged.bytes, text('value 1'), says.known);
    equal(unchanged.etag, first.etag, says.known);
    await driver.write('a', text('value 2'));
    sameBytes((await driver.read('a', unchanged))?.bytes, text('value 2'), says.known);
    await driver.delete('a');
    await absent(driver.read('a', unchanged), says.known);
  });

  test('every key that core may use names an object of its own', async ({ driver }) => {
    for (const key of awkwardKeys) {
      await succeeds(driver.write(key, text(`under ${key}`), { ifAbsent: true }), says.keys);
    }
    for (const key of awkwardKeys) {
      sameBytes((await driver.read(key))?.bytes, text(`under ${key}`), says.keys);
      sameBytes(await contentOf(driver, key, says.keys), text(`under ${key}`), says.keys);
      await refused(driver.write(key, text('again'), { ifAbsent: true }), 'PRECONDITION_FAILED', says.keys);
    }
    equal(await keysUnder(driver, ''), awkwardKeys.toSorted(), says.keys);
    for (const key of awkwardKeys) await driver.delete(key);
    equal(await keysUnder(driver, ''), [], says.keys);
  });

  test('while an object is replaced, every reader sees the whole old or the whole new one', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    await driver.write('a', version(0));
    let replacing = true;
    const replace = async (): Promise<void> => {
      try {
        for (let number = 1; number <= 20; number += 1) await driver.write('a', version(number));
      } finally {
        replacing = false;
      }
    };
    const look = async (content: () => Promise<Uint8Array | undefined>): Promise<void> => {
      while (replacing) {
        const seen = await content();
        if (seen !== undefined) sameBytes(seen, version(seen[0] ?? 0), says.atomic);
        await setImmediate();
      }
    };
    const readers = [driver, other].flatMap((from) => [look(() => readNow(from)), look(() => openNow(from))]);
    await allOf([replace(), ...readers]);
    sameBytes((await driver.read('a'))?.bytes, version(20), says.write);
  });
}

/** Whatever part of it is seen, the first byte says which version it was meant to be. */
function version(number: number): Uint8Array {
  return new Uint8Array(200 * KiB + number * KiB).fill(number);
}

async function readNow(driver: StorageDriver): Promise<Uint8Array> {
  return present(await driver.read('a'), says.atomic).bytes;
}

/** `undefined` when the reader was overtaken and said so, which is its right. */
async function openNow(driver: StorageDriver): Promise<Uint8Array | undefined> {
  const object = present(await driver.open('a'), says.atomic);
  try {
    const bytes = await drain(object);
    equal(bytes.length, object.size, says.atomic);
    return bytes;
  } catch (error) {
    if (isStorageError(error, 'UNAVAILABLE')) return undefined;
    throw error;
  }
}
