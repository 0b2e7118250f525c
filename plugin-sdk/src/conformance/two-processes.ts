import { absent, equal, present, refused, sameBytes, succeeds } from './assertions.ts';
import { contentOf, noise, text } from './content.ts';
import { keysUnder } from './keys-under.ts';
import { upTo } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { uploadWhole } from './uploading.ts';

/** What one process has been answered, every other sees at once: replicas share a backend, never their memory. */
export function twoProcesses(test: StorageTest): void {
  test('what one process writes, another reads, opens, measures and lists at once', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    for (const content of ['first', 'second one']) {
      const { etag } = await driver.write('a/b', text(content));
      const read = present(await other.read('a/b'), says.consistent);
      sameBytes(read.bytes, text(content), says.consistent);
      equal(read.etag, etag, says.etag);
      sameBytes(await contentOf(other, 'a/b', says.consistent), text(content), says.consistent);
      equal(await other.size('a/b'), content.length, says.consistent);
      equal(await keysUnder(other, 'a/'), ['a/b'], says.consistent);
    }
  });

  test('what one process deletes is gone for another at once', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    await driver.write('a/b', text('1'));
    await uploadWhole(driver, 'a/large', noise(1000, 1));
    sameBytes((await other.read('a/b'))?.bytes, text('1'), says.consistent);
    equal(await keysUnder(other, ''), ['a/b', 'a/large'], says.consistent);
    for (const key of ['a/b', 'a/large']) await driver.delete(key);
    for (const key of ['a/b', 'a/large']) {
      await absent(other.read(key), says.consistent);
      await absent(other.open(key), says.consistent);
      await absent(other.size(key), says.consistent);
    }
    equal(await keysUnder(other, ''), [], says.consistent);
  });

  test('a large object that one process completes, another reads at once', async (backend) => {
    const other = await backend.reopen();
    const bytes = noise(300_000, 1);
    await absent(other.open('large'), says.openAbsent);
    await uploadWhole(backend.driver, 'large', bytes);
    sameBytes(await contentOf(other, 'large', says.consistent), bytes, says.consistent);
    equal(await keysUnder(other, ''), ['large'], says.consistent);
  });

  test('what was written outlives the process, transient or not', async (backend) => {
    await backend.driver.write('kept', text('1'));
    await backend.driver.write('transient', text('2'), { transient: true });
    const next = await backend.reopen();
    sameBytes((await next.read('kept'))?.bytes, text('1'), says.survives);
    sameBytes((await next.read('transient'))?.bytes, text('2'), says.transient);
  });

  test('a read that knows an object is never stale: another process rewrites it, as long as it was', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    let known = await driver.write('a', text('round --'));
    for (const round of upTo(30)) {
      const content = text(`round ${String(round).padStart(2, '0')}`);
      const { etag } = await other.write('a', content);
      known = present(await driver.read('a', known), says.known);
      sameBytes(known.bytes, content, says.known);
      equal(known.etag, etag, says.known);
    }
  });

  test('a read that knows an object is never stale: another process deletes it, and writes it anew', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    const known = await driver.write('a', text('version 1'));
    await other.delete('a');
    await absent(driver.read('a', known), says.known);
    await other.write('a', text('version 2'));
    sameBytes((await driver.read('a', known))?.bytes, text('version 2'), says.known);
  });

  test('an etag from one process is a condition in another', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    const first = await driver.write('a', text('1'));
    const second = await succeeds(other.write('a', text('2'), { ifMatch: first.etag }), says.ifMatch);
    await refused(
      driver.write('a', text('lost'), { ifMatch: first.etag }),
      'PRECONDITION_FAILED',
      says.noLostUpdate,
    );
    await succeeds(driver.delete('a', { ifMatch: second.etag }), says.deleteRefused);
    await refused(
      other.write('a', text('lost'), { ifMatch: second.etag }),
      'PRECONDITION_FAILED',
      says.noLostUpdate,
    );
    await absent(other.read('a'), says.consistent);
  });

  test('parts are as long in every process', async (backend) => {
    const other = await backend.reopen();
    for (const offset of [0, 1, 12_345, 2 ** 23, 2 ** 33, 2 ** 40, 0]) {
      equal(other.partSize(offset), backend.driver.partSize(offset), says.partSizeSame);
    }
  });
}
