import { equal, sameBytes, succeeds } from './assertions.ts';
import { contentOf, noise } from './content.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { uploadWhole } from './uploading.ts';

const content = noise(123_456, 7);
const other = noise(4321, 8);

/** `link`, of drivers that have it: the others have nothing to keep. */
export function links(test: StorageTest): void {
  test('an object has two keys, and either can be deleted without the other', async (backend) => {
    const { driver } = backend;
    if (driver.link === undefined) return;
    for (const gone of ['first/key', 'second/key']) {
      const from = `${gone}-of/one`;
      const to = `${gone}-of/two`;
      await uploadWhole(driver, from, content);
      equal(await succeeds(driver.link(from, to), says.link), true, says.link);
      const elsewhere = await backend.reopen();
      equal(await elsewhere.size(to), content.length, says.link);
      sameBytes(await contentOf(elsewhere, to, says.link), content, says.link);
      const [deleted, kept] = gone === 'first/key' ? [from, to] : [to, from];
      await driver.delete(deleted);
      equal(await driver.size(deleted), undefined, says.linkApart);
      sameBytes(await contentOf(driver, kept, says.linkApart), content, says.linkApart);
    }
  });

  test('a second key is listed', async ({ driver }) => {
    if (driver.link === undefined) return;
    await uploadWhole(driver, 'a/one', content);
    await succeeds(driver.link('a/one', 'b/two'), says.link);
    const { keys } = await driver.list('', { limit: 10 });
    equal(keys.join(), 'a/one,b/two', says.list);
  });

  test('what is absent gets no second key', async ({ driver }) => {
    if (driver.link === undefined) return;
    equal(await succeeds(driver.link('absent', 'folder/second'), says.linkRefused), false, says.linkRefused);
    equal(await driver.size('folder/second'), undefined, says.linkRefused);
  });

  test('a key that is taken stays what it is', async ({ driver }) => {
    if (driver.link === undefined) return;
    await uploadWhole(driver, 'one', content);
    await driver.write('two', other);
    equal(await succeeds(driver.link('one', 'two'), says.linkRefused), false, says.linkRefused);
    sameBytes((await driver.read('two'))?.bytes, other, says.linkRefused);
  });
}
