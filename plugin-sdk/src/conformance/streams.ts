import { isStorageError } from '../errors.ts';
import type { ByteRange, LargeObject, StorageDriver } from '../storage.ts';
import { absent, equal, present, sameBytes, succeeds } from './assertions.ts';
import { contentOf, drain, KiB, MiB, noise, text } from './content.ts';
import { allOf } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { uploadWhole } from './uploading.ts';

const SIZE = MiB + 12_345;
const bytes = noise(SIZE, 1);

/** `open` and `size`: large objects on their way out, whole or in ranges. */
export function streams(test: StorageTest): void {
  test('a large object is read whole, in order, and tells its size', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    equal(await driver.size('large'), SIZE, says.size);
    equal((await openAndClose(driver, 'large')).size, SIZE, says.sizeWhenOpen);
    sameBytes(await contentOf(driver, 'large', says.open), bytes, says.open);
  });

  test('a small object is opened like a large one', async ({ driver }) => {
    await driver.write('small', noise(4 * MiB, 2));
    equal(await driver.size('small'), 4 * MiB, says.size);
    sameBytes(await contentOf(driver, 'small', says.open), noise(4 * MiB, 2), says.open);
    const { size, content } = await rangeOf(driver, 'small', { start: 10, end: 20 });
    equal(size, 4 * MiB, says.sizeWhenOpen);
    sameBytes(content, noise(4 * MiB, 2).slice(10, 20), says.open);
  });

  test('an absent object has no size and cannot be opened, with or without a range', async ({ driver }) => {
    await absent(driver.size('absent'), says.absence);
    await absent(driver.open('absent'), says.openAbsent);
    await absent(driver.open('absent', { start: 0, end: 10 }), says.openAbsent);
    await absent(driver.open('absent/too'), says.openAbsent);
  });

  test('the size follows each replacement and each delete', async ({ driver }) => {
    for (const length of [10, 0, 3000]) {
      await driver.write('small', noise(length, length));
      equal(await driver.size('small'), length, says.size);
    }
    await driver.delete('small');
    await absent(driver.size('small'), says.consistent);
  });

  test('a range is half-open: its start, its middle, one byte, the last byte', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    const ranges = [
      { start: 0, end: 1 },
      { start: 0, end: 70_000 },
      { start: 12_345, end: 12_346 },
      { start: 65_535, end: 131_073 },
      { start: 300_001, end: 900_000 },
      { start: SIZE - 1, end: SIZE },
      { start: 0, end: SIZE },
    ];
    for (const range of ranges) {
      const { size, content } = await rangeOf(driver, 'large', range);
      equal(size, SIZE, says.sizeWhenOpen);
      sameBytes(content, bytes.slice(range.start, range.end), says.nextBytes);
    }
  });

  test('a range that reaches past the end is cut there', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    for (const start of [0, SIZE - 10]) {
      const { size, content } = await rangeOf(driver, 'large', { start, end: SIZE + 1000 });
      equal(size, SIZE, says.sizeWhenOpen);
      sameBytes(content, bytes.slice(start), says.range);
    }
  });

  test('a range that begins at the end or behind it has no bytes', async ({ driver }) => {
    await driver.write('small', text('12345'));
    for (const start of [5, 6, 1000]) {
      const { size, content } = await rangeOf(driver, 'small', { start, end: start + 10 });
      equal(size, 5, says.sizeWhenOpen);
      sameBytes(content, new Uint8Array(), says.rangePastEnd);
    }
  });

  test('objects that are open at the same time do not mix', async ({ driver }) => {
    await uploadWhole(driver, 'one', bytes);
    await driver.write('two', noise(300 * KiB, 2));
    const [whole, small, part] = await Promise.all([
      driver.open('one'),
      driver.open('two'),
      driver.open('one', { start: 100_000, end: 400_000 }),
    ]);
    const first = await present(whole, says.open).read();
    const [smallContent, partContent] = await allOf(
      [small, part].map((object) => drain(present(object, says.open))),
    );
    sameBytes(smallContent, noise(300 * KiB, 2), says.nextBytes);
    sameBytes(partContent, bytes.slice(100_000, 400_000), says.nextBytes);
    // The first chunk of the one is its owner's until its own next read, whatever has been read of the others.
    sameBytes(first, bytes.slice(0, first?.length), says.nextBytes);
    await whole?.close();
  });

  test('an object may be closed in the middle, before the first byte, and twice', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    for (const reads of [0, 1]) {
      const object = present(await driver.open('large'), says.open);
      for (let read = 0; read < reads; read += 1) await object.read();
      await object.close();
      await succeeds(object.close(), says.closeTwice);
    }
    const finished = present(await driver.open('large'), says.open);
    sameBytes(await drain(finished), bytes, says.close);
    await succeeds(finished.close(), says.closeTwice);
    await driver.delete('large');
    await absent(driver.open('large'), says.consistent);
  });

  test('a large object is deleted like a small one', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    await driver.delete('large');
    await absent(driver.open('large'), says.delete);
    await absent(driver.size('large'), says.delete);
    await succeeds(driver.delete('large'), says.deleteAbsent);
  });

  test('an object that is deleted while it is open is read whole or not to its end', async ({ driver }) => {
    await uploadWhole(driver, 'large', bytes);
    await driver.write('small', noise(400 * KiB, 2));
    for (const [key, content] of [
      ['large', bytes],
      ['small', noise(400 * KiB, 2)],
    ] as const) {
      const object = present(await driver.open(key), says.open);
      await driver.delete(key);
      await wholeOrUnavailable(object, content);
    }
  });

  test('an object that is replaced while it is open is read in one version', async ({ driver }) => {
    await driver.write('small', noise(400 * KiB, 1));
    const object = present(await driver.open('small'), says.open);
    await driver.write('small', noise(400 * KiB, 2));
    await wholeOrUnavailable(object, noise(400 * KiB, 1));
  });
}

async function rangeOf(
  driver: StorageDriver,
  key: string,
  range: ByteRange,
): Promise<{ size: number; content: Uint8Array }> {
  const object = present(await succeeds(driver.open(key, range), says.range), says.range);
  return { size: object.size, content: await drain(object) };
}

async function openAndClose(driver: StorageDriver, key: string): Promise<LargeObject> {
  const object = present(await driver.open(key), says.open);
  await object.close();
  return object;
}

async function wholeOrUnavailable(object: LargeObject, content: Uint8Array): Promise<void> {
  let read;
  try {
    read = await drain(object);
  } catch (error) {
    if (isStorageError(error, 'UNAVAILABLE')) return;
    throw error;
  }
  sameBytes(read, content, says.whileOpen);
}
