import type { StorageDriver } from '../storage.ts';
import { absent, equal, sameBytes, succeeds } from './assertions.ts';
import { MiB, noise, text } from './content.ts';
import { keysUnder } from './keys-under.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { uploadWhole } from './uploading.ts';

/** `deleteMany`, of drivers that have it: the others have nothing to keep. */
export function batchedDeletes(test: StorageTest): void {
  test('many objects are deleted at once, large and small, and their neighbours stay', async ({ driver }) => {
    if (driver.deleteMany === undefined) return;
    await uploadWhole(driver, 'data/large', noise(MiB + 1, 1));
    const small = Array.from({ length: 20 }, (_, index) => `data/${String(index).padStart(2, '0')}`);
    for (const key of [...small, 'data/0', 'data/191', 'data.19', 'other/19'])
      await driver.write(key, text(key));
    equal(await failuresOf(driver, ['data/large', ...small]), [], says.deleteMany);
    await absent(driver.read('data/19'), says.consistent);
    await absent(driver.size('data/large'), says.consistent);
    equal(await keysUnder(driver, ''), ['data.19', 'data/0', 'data/191', 'other/19'], says.deleteMany);
    sameBytes((await driver.read('data/0'))?.bytes, text('data/0'), says.deleteMany);
  });

  test('what is absent does not fail to be deleted, among a thousand keys', async ({ driver }) => {
    if (driver.deleteMany === undefined) return;
    await driver.write('data/0500', text('there'));
    const keys = Array.from({ length: 1000 }, (_, index) => `data/${String(index).padStart(4, '0')}`);
    equal(await failuresOf(driver, keys), [], says.deleteManyAbsent);
    equal(await keysUnder(driver, ''), [], says.deleteMany);
    equal(await failuresOf(driver, keys.slice(0, 2)), [], says.deleteManyAbsent);
    equal(await failuresOf(driver, []), [], says.deleteManyAbsent);
  });
}

/** Keys of what may still be there. */
async function failuresOf(driver: StorageDriver, keys: readonly string[]): Promise<readonly string[]> {
  const failures = await succeeds((async () => driver.deleteMany?.(keys))(), says.deleteMany);
  return [...(failures ?? new Map<string, unknown>()).keys()];
}
