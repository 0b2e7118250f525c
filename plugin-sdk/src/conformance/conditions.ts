import type { SmallObject, StorageDriver } from '../storage.ts';
import { absent, equal, holds, isRefusal, present, refused, sameBytes, succeeds } from './assertions.ts';
import { text } from './content.ts';
import { afterTurns, allOf, upTo } from './racing.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';

const RACERS = 20;

/** `ifAbsent` and `ifMatch`: what the registry stays whole by when several processes write at once. */
export function conditions(test: StorageTest): void {
  test('ifAbsent creates an object where there is none, and again after a delete', async ({ driver }) => {
    await driver.write('a', text('1'), { ifAbsent: true });
    await driver.delete('a');
    await driver.write('a', text('2'), { ifAbsent: true });
    await expectObject(driver, '2', says.ifAbsent);
  });

  test('ifAbsent leaves an object that is there as it is', async ({ driver }) => {
    const old = await driver.write('a', text('old'));
    await refused(driver.write('a', text('new'), { ifAbsent: true }), 'PRECONDITION_FAILED', says.ifAbsent);
    await expectObject(driver, 'old', says.writeRefused, old.etag);
  });

  test('ifAbsent: false is no condition', async ({ driver }) => {
    await driver.write('a', text('old'));
    await succeeds(driver.write('a', text('new'), { ifAbsent: false }), says.ifAbsent);
    await expectObject(driver, 'new', says.ifAbsent);
  });

  test('ifMatch replaces the version it names', async ({ driver }) => {
    const first = await driver.write('a', text('1'));
    const second = await driver.write('a', text('2'), { ifMatch: first.etag });
    const read = present(await driver.read('a'), says.ifMatch);
    await driver.write('a', text('3'), { ifMatch: read.etag });
    equal(read.etag, second.etag, says.etag);
    await expectObject(driver, '3', says.ifMatch);
  });

  test('ifMatch refuses an older version and leaves the object as it is', async ({ driver }) => {
    const first = await driver.write('a', text('A-1'));
    await driver.write('a', text('B-2'));
    const third = await driver.write('a', text('A-3'));
    await refused(
      driver.write('a', text('lost'), { ifMatch: first.etag }),
      'PRECONDITION_FAILED',
      says.ifMatch,
    );
    await expectObject(driver, 'A-3', says.writeRefused, third.etag);
  });

  test('ifMatch refuses the version of another object', async ({ driver }) => {
    const other = await driver.write('other', text('1'));
    const old = await driver.write('a', text('2'));
    await refused(
      driver.write('a', text('lost'), { ifMatch: other.etag }),
      'PRECONDITION_FAILED',
      says.ifMatch,
    );
    await expectObject(driver, '2', says.writeRefused, old.etag);
  });

  test('ifMatch never matches a missing key', async ({ driver }) => {
    const deleted = await driver.write('a', text('1'));
    await driver.delete('a');
    for (const key of ['a', 'never']) {
      await refused(
        driver.write(key, text('lost'), { ifMatch: deleted.etag }),
        'PRECONDITION_FAILED',
        says.noLostUpdate,
      );
      await absent(driver.read(key), says.writeRefused);
    }
  });

  test('conditions hold for transient objects too', async ({ driver }) => {
    const transient = true;
    const first = await driver.write('a', text('1'), { ifAbsent: true, transient });
    await refused(
      driver.write('a', text('lost'), { ifAbsent: true, transient }),
      'PRECONDITION_FAILED',
      says.ifAbsent,
    );
    await driver.write('a', text('2'), { ifMatch: first.etag, transient });
    await refused(
      driver.write('a', text('lost'), { ifMatch: first.etag, transient }),
      'PRECONDITION_FAILED',
      says.ifMatch,
    );
    await expectObject(driver, '2', says.writeRefused);
  });

  test('a delete with ifMatch removes the version it names and no other', async ({ driver }) => {
    const first = await driver.write('a', text('1'));
    const second = await driver.write('a', text('2'));
    await refused(driver.delete('a', { ifMatch: first.etag }), 'PRECONDITION_FAILED', says.deleteRefused);
    await expectObject(driver, '2', says.deleteRefused, second.etag);
    await driver.delete('a', { ifMatch: second.etag });
    await absent(driver.read('a'), says.delete);
  });

  test('deleting what is absent is no error, also with ifMatch', async ({ driver }) => {
    const { etag } = await driver.write('a', text('1'));
    await driver.delete('a');
    await succeeds(driver.delete('a', { ifMatch: etag }), says.deleteAbsent);
    await succeeds(driver.delete('never', { ifMatch: etag }), says.deleteAbsent);
  });

  test('of 20 racers in two processes, ifAbsent lets one win', async (backend) => {
    const drivers = [backend.driver, await backend.reopen()];
    for (const key of ['a', 'b/c', 'd']) {
      const results = await Promise.allSettled(
        spread(drivers).map((driver, racer) => driver.write(key, text(`racer ${racer}`), { ifAbsent: true })),
      );
      const winners = results.flatMap((result, racer) => (result.status === 'fulfilled' ? [racer] : []));
      for (const result of results) {
        if (result.status === 'rejected') isRefusal(result.reason, 'PRECONDITION_FAILED', says.oneWinner);
      }
      equal(winners.length, 1, says.oneWinner);
      for (const driver of drivers) {
        sameBytes((await driver.read(key))?.bytes, text(`racer ${winners.join()}`), says.oneWinner);
      }
    }
  });

  test('of 20 racers in two processes that count up with ifMatch, none is lost', async (backend) => {
    const drivers = [backend.driver, await backend.reopen()];
    await backend.driver.write('a', text('0'));
    await allOf(spread(drivers).map((driver) => countUp(driver)));
    for (const driver of drivers) {
      sameBytes((await driver.read('a'))?.bytes, text(String(RACERS)), says.noLostUpdate);
    }
  });

  test('of a write and a delete with the same ifMatch, one wins', async (backend) => {
    const { driver } = backend;
    const other = await backend.reopen();
    for (const round of upTo(20)) {
      const { etag } = await driver.write('a', text(`old ${round}`));
      const late = Math.floor(round / 2);
      // One of them is late by some turns of the event loop, so that it meets the other in the middle of its work.
      const [written, removed] = await Promise.allSettled([
        afterTurns(round % 2 === 0 ? late : 0, () =>
          other.write('a', text(`new ${round}`), { ifMatch: etag }),
        ),
        afterTurns(round % 2 === 0 ? 0 : late, () => driver.delete('a', { ifMatch: etag })),
      ]);
      const content = (await driver.read('a'))?.bytes;
      if (written.status === 'fulfilled') sameBytes(content, text(`new ${round}`), says.noLostUpdate);
      else equal(content, undefined, says.noLostUpdate);
      const refusals = [written, removed].filter((result) => result.status === 'rejected');
      equal(refusals.length, 1, says.noLostUpdate);
      for (const { reason } of refusals) isRefusal(reason, 'PRECONDITION_FAILED', says.noLostUpdate);
    }
  });
}

/** The driver of each racer: they take turns. */
function spread(drivers: readonly StorageDriver[]): StorageDriver[] {
  return upTo(RACERS / drivers.length).flatMap(() => drivers);
}

/** Adds one to the number under `a`. Each refusal means that another racer has come first, so 20 attempts are enough. */
async function countUp(driver: StorageDriver): Promise<void> {
  let known: SmallObject | undefined;
  for (let attempt = 1; ; attempt += 1) {
    known = present(await driver.read('a', known), says.read);
    const next = Number(new TextDecoder().decode(known.bytes)) + 1;
    try {
      await driver.write('a', text(String(next)), { ifMatch: known.etag });
      return;
    } catch (error) {
      isRefusal(error, 'PRECONDITION_FAILED', says.ifMatch);
      holds(
        attempt < RACERS,
        says.ifMatch,
        `refused ${attempt} times with ${RACERS - 1} other writers of one update`,
      );
    }
  }
}

async function expectObject(
  driver: StorageDriver,
  content: string,
  sentence: string,
  etag?: string,
): Promise<void> {
  const object = present(await driver.read('a'), sentence);
  sameBytes(object.bytes, text(content), sentence);
  if (etag !== undefined) equal(object.etag, etag, sentence);
}
