import { createHash } from 'node:crypto';
import { isStorageError } from '../errors.ts';
import type { StorageDriver, Upload } from '../storage.ts';
import { absent, equal, holds, refused, sameBytes, succeeds } from './assertions.ts';
import { contentOf, noise, text } from './content.ts';
import { keysUnder } from './keys-under.ts';
import { allOf } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { add, begin, chunksOf, partLength } from './uploading.ts';

/** Large objects on their way in: in parts, resumable from the state alone, visible when they are whole. */
export function uploads(test: StorageTest): void {
  test('partSize is a positive whole number at every offset', async ({ driver }) => {
    for (const offset of [0, 1, 2 ** 20, 2 ** 33, 2 ** 40]) {
      const size = driver.partSize(offset);
      holds(Number.isSafeInteger(size) && size > 0, says.partSize, `got ${size} at offset ${offset}`);
    }
  });

  test('three parts and a tail come back byte for byte', async ({ driver }) => {
    const parts = threeParts(driver);
    let upload = await begin(driver, 'large');
    for (const part of parts) upload = await add(driver, upload, part);
    await driver.completeUpload(upload, chunksOf(text('tail')));
    const content = await contentOf(driver, 'large', says.complete);
    equal(sha256(content), sha256(...parts, text('tail')), says.uploadPart);
    equal(await driver.size('large'), content.length, says.size);
  });

  test('an object may be all last part', async ({ driver }) => {
    for (const length of [1, 1000, partLength(driver, 0)]) {
      const upload = await begin(driver, `large-${length}`);
      await succeeds(driver.completeUpload(upload, chunksOf(noise(length, 1))), says.lastPart);
      sameBytes(await contentOf(driver, `large-${length}`, says.complete), noise(length, 1), says.lastPart);
    }
  });

  test('a last part may be empty, after at least one part', async ({ driver }) => {
    for (const [key, nothing] of [
      ['a', []],
      ['b', [new Uint8Array()]],
    ] as const) {
      const part = noise(partLength(driver, 0), 1);
      const upload = await add(driver, await begin(driver, key), part);
      await succeeds(driver.completeUpload(upload, nothing), says.complete);
      sameBytes(await contentOf(driver, key, says.complete), part, says.complete);
    }
  });

  test('a last part may be longer than a part', async ({ driver }) => {
    const part = noise(partLength(driver, 0), 1);
    const tail = noise(partLength(driver, part.length) + 17, 2);
    const upload = await add(driver, await begin(driver, 'large'), part);
    await succeeds(driver.completeUpload(upload, chunksOf(tail)), says.lastPart);
    sameBytes(await contentOf(driver, 'large', says.complete), Buffer.concat([part, tail]), says.lastPart);
  });

  test('nothing of an upload is seen before it is complete', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    await driver.write('folder/a', text('1'));
    const unseen = async (): Promise<void> => {
      for (const from of [driver, other]) {
        await absent(from.open('folder/large'), says.invisible);
        await absent(from.read('folder/large'), says.invisible);
        await absent(from.size('folder/large'), says.invisible);
        equal(await keysUnder(from, ''), ['folder/a'], says.invisible);
      }
    };
    let upload = await begin(driver, 'folder/large');
    await unseen();
    upload = await add(driver, upload, noise(partLength(driver, 0), 1));
    await unseen();
    await driver.completeUpload(upload, [text('tail')]);
    for (const from of [driver, other]) {
      equal(await keysUnder(from, ''), ['folder/a', 'folder/large'], says.consistent);
      equal(await from.size('folder/large'), upload.offset + 4, says.consistent);
    }
  });

  test('an upload is continued from its state alone, each step by another process', async (backend) => {
    const parts = threeParts(backend.driver);
    let upload = await begin(backend.driver, 'large');
    for (const part of parts) {
      upload = await succeeds(add(await backend.reopen(), upload, part), says.state);
    }
    const last = await backend.reopen();
    await succeeds(last.completeUpload(upload, chunksOf(text('tail'))), says.state);
    const content = await contentOf(await backend.reopen(), 'large', says.complete);
    equal(sha256(content), sha256(...parts, text('tail')), says.state);
  });

  test('a part that is repeated counts as it was sent the last time', async (backend) => {
    const { driver } = backend;
    const first = noise(partLength(driver, 0), 1);
    const upload = await add(driver, await begin(driver, 'large'), first);
    const length = partLength(driver, upload.offset);
    await add(driver, upload, noise(length, 2));
    const repeated = await succeeds(add(await backend.reopen(), upload, noise(length, 3)), says.repeated);
    await driver.completeUpload(repeated, [text('tail')]);
    const expected = Buffer.concat([first, noise(length, 3), text('tail')]);
    sameBytes(await contentOf(driver, 'large', says.complete), expected, says.repeated);
  });

  test('a part that is repeated may be shorter than it was', async ({ driver }) => {
    const start = await begin(driver, 'large');
    const length = partLength(driver, 0);
    await add(driver, start, noise(2 * length, 1));
    const repeated = await succeeds(add(driver, start, noise(length, 2)), says.repeated);
    await succeeds(driver.completeUpload(repeated, [text('tail')]), says.repeated);
    const expected = Buffer.concat([noise(length, 2), text('tail')]);
    sameBytes(await contentOf(driver, 'large', says.complete), expected, says.repeated);
  });

  test('an upload goes back to an earlier state, to go on from it or to be completed', async (backend) => {
    const { driver } = backend;
    const [one, two, three] = threeParts(driver);
    for (const key of ['goes-on', 'completed']) {
      const afterOne = await add(driver, await begin(driver, key), one);
      await add(driver, await add(driver, afterOne, two), three);
      const goesOn = key === 'goes-on';
      const from = goesOn ? await backend.reopen() : driver;
      const last = goesOn ? await succeeds(add(from, afterOne, noise(two.length, 9)), says.goBack) : afterOne;
      await succeeds(from.completeUpload(last, [text('tail')]), says.goBack);
      const expected = goesOn ? [one, noise(two.length, 9), text('tail')] : [one, text('tail')];
      sameBytes(await contentOf(driver, key, says.complete), Buffer.concat(expected), says.goBack);
    }
  });

  test("the chunks are the caller's again once a part or the last bytes have settled", async ({ driver }) => {
    const part = noise(partLength(driver, 0), 1);
    const tail = noise(1000, 2);
    const expected = Buffer.concat([part, tail]);
    const upload = await add(driver, await begin(driver, 'large'), part);
    part.fill(0);
    await driver.completeUpload(upload, chunksOf(tail));
    tail.fill(0);
    sameBytes(await contentOf(driver, 'large', says.complete), expected, says.callersChunks);
  });

  test('two uploads at once do not mix', async ({ driver }) => {
    const length = partLength(driver, 0);
    const grow = async (key: string, seed: number): Promise<void> => {
      const upload = await add(driver, await begin(driver, key), noise(length, seed));
      await driver.completeUpload(upload, [text(`tail of ${key}`)]);
    };
    await succeeds(allOf([grow('one', 1), grow('two', 2)]), says.uploadPart);
    for (const [key, seed] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      const expected = Buffer.concat([noise(length, seed), text(`tail of ${key}`)]);
      sameBytes(await contentOf(driver, key, says.complete), expected, says.uploadPart);
    }
  });

  test('what has been aborted is forgotten: it is neither continued nor completed', async (backend) => {
    const { driver } = backend;
    const upload = await add(driver, await begin(driver, 'large'), noise(partLength(driver, 0), 1));
    await (await backend.reopen()).abortUpload(upload);
    for (const from of [driver, await backend.reopen()]) {
      await refused(from.completeUpload(upload, [text('tail')]), 'UPLOAD_UNKNOWN', says.abort);
      await refused(continued(from, upload), 'UPLOAD_UNKNOWN', says.forgotten);
      await absent(from.open('large'), says.invisible);
      equal(await keysUnder(from, ''), [], says.invisible);
    }
  });

  test('an upload is aborted twice, or before its first part, without an error', async ({ driver }) => {
    const begun = await begin(driver, 'one');
    await succeeds(driver.abortUpload(begun), says.abortHarmless);
    await succeeds(driver.abortUpload(begun), says.abortHarmless);
    const grown = await add(driver, await begin(driver, 'two'), noise(partLength(driver, 0), 1));
    await succeeds(driver.abortUpload(grown), says.abortHarmless);
    await succeeds(driver.abortUpload(grown), says.abortHarmless);
    equal(await keysUnder(driver, ''), [], says.abortHarmless);
  });

  test('aborting one upload leaves another', async ({ driver }) => {
    const part = noise(partLength(driver, 0), 1);
    const kept = await add(driver, await begin(driver, 'kept'), part);
    await driver.abortUpload(await begin(driver, 'gone'));
    await succeeds(driver.completeUpload(kept, []), says.abortHarmless);
    sameBytes(await contentOf(driver, 'kept', says.complete), part, says.abortHarmless);
  });

  test('aborting what is complete harms nothing, whatever state is aborted', async (backend) => {
    const { driver } = backend;
    const begun = await begin(driver, 'large');
    const part = noise(partLength(driver, 0), 1);
    const grown = await add(driver, begun, part);
    await driver.completeUpload(grown, [text('tail')]);
    for (const from of [driver, await backend.reopen()]) {
      await succeeds(from.abortUpload(begun), says.abortHarmless);
      await succeeds(from.abortUpload(grown), says.abortHarmless);
      sameBytes(
        await contentOf(from, 'large', says.abortHarmless),
        Buffer.concat([part, text('tail')]),
        says.abortHarmless,
      );
    }
  });

  test('completing what is complete leaves the object as it is', async (backend) => {
    const { driver } = backend;
    const part = noise(partLength(driver, 0), 1);
    const upload = await add(driver, await begin(driver, 'large'), part);
    await driver.completeUpload(upload, [text('tail')]);
    for (const from of [driver, await backend.reopen()]) {
      try {
        await from.completeUpload(upload, [text('other')]);
      } catch (error) {
        holds(isStorageError(error), says.completeAgain, `got ${String(error)}`);
      }
      sameBytes(
        await contentOf(from, 'large', says.completeAgain),
        Buffer.concat([part, text('tail')]),
        says.completeAgain,
      );
    }
  });
}

/** A backend that takes parts without looking may find out only when they are completed. */
async function continued(driver: StorageDriver, upload: Upload): Promise<void> {
  const next = await add(driver, upload, noise(partLength(driver, upload.offset), 2));
  await driver.completeUpload(next, [text('tail')]);
}

function threeParts(driver: StorageDriver): [Uint8Array, Uint8Array, Uint8Array] {
  const one = partLength(driver, 0);
  const two = partLength(driver, one);
  const three = partLength(driver, one + two);
  return [noise(one, 1), noise(two, 2), noise(three, 3)];
}

function sha256(...chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
