import { mock } from 'node:test';
import { expect } from 'chai';
import { StorageError, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { digestOf } from '../../src/digest.ts';
import type { Store } from '../../src/store/index.ts';
import { sessionFormat } from '../../src/store/sessions.ts';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';
import { breaking, freshContent, incoming, storeOn } from './stored-content.ts';

const MIB = 1024 * 1024;
const HOUR = 3_600_000;

/** Expects that storage holds nothing for uploads that no session knows of: what nobody can finish, nobody can free. */
async function expectNoLeak(driver: RecordingDriver): Promise<void> {
  const known: unknown[] = [];
  const { keys } = await driver.list('uploads/', { limit: 1000 });
  for (const key of keys) {
    const session = sessionFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
    if (session?.state !== undefined) known.push(session.state);
  }
  expect([...driver.openUploads].filter((state) => !known.includes(state))).to.deep.equal([]);
  const tails = await driver.list('tails/', { limit: 1000 });
  const ids = tails.keys.map((key) => key.split('/')[1]);
  expect(ids.filter((id) => !keys.includes(`uploads/${id ?? ''}`))).to.deep.equal([]);
}

/** What the blob in `app` holds. */
async function contentOf(driver: RecordingDriver, digest: string): Promise<Buffer> {
  const { blobs } = storeOn(driver);
  const blob = await blobs.check('app', digest);
  if (blob === undefined) throw new Error('the blob is absent');
  if (blobs.isSmall(blob)) return (await blobs.bytes(blob)) ?? Buffer.alloc(0);
  const object = await blobs.open(blob);
  const chunks: Uint8Array[] = [];
  for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read()) {
    chunks.push(chunk.slice());
  }
  await object?.close();
  return Buffer.concat(chunks);
}

describe('An upload in the store', () => {
  let driver: RecordingDriver;
  let store: Store;
  let id: string;
  beforeEach(async () => {
    driver = new RecordingDriver();
    store = storeOn(driver);
    ({ id } = await store.uploads.begin('app'));
    driver.forget();
  });
  afterEach(() => {
    mock.timers.reset();
  });
  const offset = async (of = store): Promise<number> => (await of.uploads.status('app', id)).offset;
  const append = (bytes: Uint8Array, to = store, at?: number) =>
    to.uploads.append('app', id, incoming(bytes, 65_536, at));
  const finish = (digest: string, bytes: Uint8Array = new Uint8Array(), to = store) =>
    to.uploads.finish('app', id, digest, { ...incoming(bytes), length: bytes.length });

  describe('asks storage', () => {
    it('for nothing before its first byte', async () => {
      await store.uploads.begin('app');
      expect(driver.texts).to.deep.equal([]);
      expect(await offset()).to.equal(0);
      expect(driver.changes).to.deep.equal([]);
    });

    it('for record and link alone when few bytes come in one PUT', async () => {
      const { bytes, digest } = freshContent(1000);
      await finish(digest, bytes);
      expect(driver.changes).to.have.members(['write record', 'write link']);
    });

    it('for an upload when the bytes of one PUT fill no part, but are more than a small object has', async () => {
      driver = new RecordingDriver({ partSize: 40 * MIB });
      store = storeOn(driver);
      const { bytes, digest } = freshContent(17 * MIB);
      await store.uploads.put('app', digest, { ...incoming(bytes), length: bytes.length });
      expect(driver.texts).to.include('completeUpload data');
      expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
    });

    it('to keep bytes as a claim, the bytes, the session that names them; in this order', async () => {
      for (const [size, kept] of [
        [2 * MIB, 'uploadPart data'],
        [1000, 'write tail'],
      ] as const) {
        const parts = new RecordingDriver({ partSize: size === 1000 ? 5000 : 1 });
        const on = storeOn(parts);
        const begun = await on.uploads.begin('app');
        parts.forget();
        await on.uploads.append('app', begun.id, incoming(freshContent(size).bytes));
        const sessions = parts.calls.filter(({ text }) => text === 'write session');
        const bytes = parts.calls.filter(({ text }) => text === kept);
        expect(sessions).to.have.lengthOf(2);
        const [claim, save] = sessions.map((call) => parts.calls.indexOf(call));
        for (const call of bytes) {
          expect(parts.calls.indexOf(call)).to.be.greaterThan(claim ?? Infinity);
          expect(call.settledAt).to.be.at.most(save ?? 0);
        }
      }
    });

    it('to let an old tail go only once the session names the new one', async () => {
      const parts = new RecordingDriver({ partSize: 5000 });
      const on = storeOn(parts);
      const begun = await on.uploads.begin('app');
      await on.uploads.append('app', begun.id, incoming(freshContent(1000).bytes));
      parts.forget();
      await on.uploads.append('app', begun.id, incoming(freshContent(1000).bytes));
      expect(parts.changes).to.deep.equal(['write session', 'write tail', 'write session', 'delete tail']);
      await expectNoLeak(parts);
    });

    it('to read nothing back when one process has hashed every byte', async () => {
      const { bytes, digest } = freshContent(3 * MIB);
      await append(bytes.subarray(0, MIB));
      await append(bytes.subarray(MIB));
      driver.forget();
      await finish(digest);
      expect(driver.texts).to.not.include('open data');
      expect(driver.texts).to.include('completeUpload data');
    });
  });

  describe('goes on in any replica', () => {
    for (const partSize of [1, 5, MIB]) {
      it(`with parts of ${partSize} bytes, from one to the other and back`, async () => {
        driver = new RecordingDriver({ partSize });
        const replicas = [storeOn(driver), storeOn(driver), storeOn(driver)];
        const [first] = replicas;
        if (first === undefined) throw new Error('there are no replicas');
        ({ id } = await first.uploads.begin('app'));
        const { bytes, digest } = freshContent(4 * MIB + 123);
        const cuts = [0, 10, 400_000, 400_003, 2 * MIB, 3 * MIB + 1, bytes.length];
        for (const [index, start] of cuts.slice(0, -1).entries()) {
          const replica = replicas[index % 3];
          const end = cuts[index + 1];
          const status = await replica?.uploads.append(
            'app',
            id,
            incoming(bytes.subarray(start, end), 65_536, start),
          );
          expect(status?.offset).to.equal(end);
        }
        await finish(digest, new Uint8Array(), first);
        expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
        await expectNoLeak(driver);
      });
    }

    it('also where the parts of the storage are longer than its small objects', async () => {
      driver = new RecordingDriver({ partSize: 40 * MIB });
      const { bytes, digest } = freshContent(35 * MIB);
      ({ id } = await storeOn(driver).uploads.begin('app'));
      for (const [index, end] of [10 * MIB, 33 * MIB].entries()) {
        const start = index === 0 ? 0 : 10 * MIB;
        await append(bytes.subarray(start, end), storeOn(driver));
      }
      expect(await offset(storeOn(driver))).to.equal(33 * MIB);
      await finish(digest, bytes.subarray(33 * MIB), storeOn(driver));
      expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
      await expectNoLeak(driver);
    });

    it('and its digest is read back where nobody has hashed every byte, so that a wrong one is found', async () => {
      const { bytes, digest } = freshContent(2 * MIB);
      await append(bytes.subarray(0, MIB));
      const other = storeOn(driver);
      await append(bytes.subarray(MIB), other);
      driver.forget();
      const error = await rejectionOf(finish(digestOf(Buffer.from('wrong')), new Uint8Array(), other));
      expect(error).to.deep.include({ code: 'DIGEST_INVALID', details: [{ actual: digest }] });
      expect(driver.texts).to.include('open data');
      await expectNoLeak(driver);
      expect((await driver.list('data/', { limit: 10 })).keys).to.deep.equal([]);
    });

    it('in one of two that come at the very same moment: the other is told where it stands', async () => {
      const both = Promise.withResolvers<void>();
      let reads = 0;
      driver.before = async ({ text }) => {
        if (text !== 'read session') return;
        reads += 1;
        if (reads === 2) both.resolve();
        await both.promise;
      };
      const replicas = [store, storeOn(driver)];
      const outcomes = await Promise.allSettled(
        replicas.map((replica) => append(Buffer.from('hello'), replica)),
      );
      driver.before = () => undefined;
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(lost).to.have.lengthOf(1);
      expect(lost[0]?.reason).to.include({ name: 'UploadOutOfOrder', offset: 0, id });
      expect(await offset()).to.equal(5);
    });

    it('without a byte that does not belong: the other is told where it stands', async () => {
      await append(Buffer.from('hello'));
      const error = await rejectionOf(append(Buffer.from('x'), storeOn(driver), 3));
      expect(error).to.include({ name: 'UploadOutOfOrder', offset: 5, id });
    });
  });

  describe('that breaks off', () => {
    for (const size of [10, 100_000, 3 * MIB]) {
      it(`after ${size} bytes has them, and the error goes on`, async () => {
        const { bytes, digest } = freshContent(size + 1000);
        const cause = new Error('the client went away');
        const broken = store.uploads.append('app', id, breaking(bytes.subarray(0, size), cause));
        expect(await rejectionOf(broken)).to.equal(cause);
        expect(await offset()).to.equal(size);
        await append(bytes.subarray(size));
        await finish(digest);
        expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
        await expectNoLeak(driver);
      });
    }

    it('with fewer or more bytes than were announced has none of them, and no space is lost', async () => {
      const { bytes, digest } = freshContent(3 * MIB);
      for (const already of [0, 100, 2 * MIB]) {
        ({ id } = await store.uploads.begin('app'));
        if (already > 0) await append(bytes.subarray(0, already));
        for (const length of [1, 4 * MIB]) {
          const announced = { ...incoming(bytes.subarray(already)), length };
          expect(await rejectionOf(store.uploads.append('app', id, announced))).to.include({
            code: 'SIZE_INVALID',
          });
          expect(await offset()).to.equal(already);
          await expectNoLeak(driver);
        }
        await append(bytes.subarray(already));
        await finish(digest);
        await expectNoLeak(driver);
      }
      expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
    });
  });

  describe('in trouble with storage', () => {
    /** Every call that changes storage while an upload of these bytes goes on, by its name and how many came before. */
    const steps: readonly [text: string, nth: number][] = [
      ['write session', 0],
      ['createUpload data', 0],
      ['uploadPart data', 0],
      ['uploadPart data', 1],
      ['write tail', 0],
      ['write session', 1],
    ];
    for (const code of ['UNAVAILABLE', 'NO_SPACE'] as const satisfies readonly StorageErrorCode[]) {
      for (const [text, nth] of steps) {
        it(`that is ${code} at call ${nth + 1} of '${text}' says so, tells a true offset, and loses no space`, async () => {
          driver = new RecordingDriver({ partSize: 700_000 });
          store = storeOn(driver);
          ({ id } = await store.uploads.begin('app'));
          const { bytes, digest } = freshContent(3 * MIB + 5);
          let seen = 0;
          driver.before = (call) => {
            if (call.text !== text) return;
            seen += 1;
            if (seen === nth + 1) throw new StorageError(code, 'trouble');
          };
          mock.timers.enable({ apis: ['Date'], now: Date.now() });
          expect(await rejectionOf(append(bytes))).to.include({ name: 'StorageError', code });
          driver.before = () => undefined;
          // A claim that could not be given back runs out.
          mock.timers.tick(61_000);
          const held = await offset();
          expect(held).to.be.within(0, bytes.length);
          await expectNoLeak(driver);
          await append(bytes.subarray(held), store, held);
          await finish(digest);
          expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
          await expectNoLeak(driver);
        });
      }
    }

    for (const text of [
      'createUpload data',
      'uploadPart data',
      'completeUpload data',
      'write record',
      'write link',
    ]) {
      it(`at '${text}' of its end can be ended again or is to begin anew, and loses no space`, async () => {
        for (const partSize of text === 'createUpload data' ? [5000] : [1, 5000]) {
          driver = new RecordingDriver({ partSize });
          store = storeOn(driver);
          ({ id } = await store.uploads.begin('app'));
          const { bytes, digest } = freshContent(3 * MIB);
          const first = partSize === 1 ? 100_000 : 100;
          await append(bytes.subarray(0, first));
          driver.before = (call) => {
            if (call.text === text) throw new StorageError('UNAVAILABLE', 'trouble');
          };
          const end = (): Promise<unknown> => finish(digest, bytes.subarray(first));
          expect(await rejectionOf(end())).to.include({ name: 'StorageError', code: 'UNAVAILABLE' });
          driver.before = () => undefined;
          await expectNoLeak(driver);
          if (partSize === 1 && text.startsWith('write ')) {
            // Bytes that have been completed cannot be gone on with: the client hears that, and begins anew.
            expect(await rejectionOf(end())).to.include({ code: 'UPLOAD_UNKNOWN' });
            ({ id } = await store.uploads.begin('app'));
            await finish(digest, bytes);
          } else await end();
          expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
          await expectNoLeak(driver);
        }
      });
    }

    it('gives a session back only when nothing of it is on its way any more', async () => {
      await append(Buffer.from('a'));
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      driver.forget();
      driver.before = async ({ verb }) => {
        if (verb !== 'uploadPart') return;
        reached.resolve();
        await released.promise;
      };
      const { bytes } = freshContent(MIB);
      const announced = { ...incoming(bytes), length: MIB + 1 };
      const refused = rejectionOf(store.uploads.append('app', id, announced));
      await reached.promise;
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(driver.texts.filter((text) => text === 'write session')).to.have.lengthOf(1);
      released.resolve();
      expect(await refused).to.include({ code: 'SIZE_INVALID' });
      expect(driver.texts.at(-1)).to.equal('write session');
    });

    it('in one request gives its space back', async () => {
      for (const text of ['uploadPart data', 'completeUpload data']) {
        const { bytes, digest } = freshContent(3 * MIB);
        driver.before = (call) => {
          if (call.text === text) throw new StorageError('UNAVAILABLE', 'trouble');
        };
        expect(await rejectionOf(store.uploads.put('app', digest, incoming(bytes)))).to.include({
          code: 'UNAVAILABLE',
        });
        driver.before = () => undefined;
        await expectNoLeak(driver);
      }
    });
  });

  describe('whose process dies', () => {
    it('at any step of a PATCH tells a true offset once its claim has run out, and can be finished', async () => {
      const { bytes, digest } = freshContent(2 * MIB + 100_005);
      const cut = 100_000;
      for (let step = 0; ; step += 1) {
        mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
        driver = new RecordingDriver({ partSize: 300_000 });
        const dying = storeOn(driver);
        ({ id } = await dying.uploads.begin('app'));
        await append(bytes.subarray(0, cut), dying);
        let calls = 0;
        driver.before = () => {
          // A dead process asks for nothing more.
          if (calls >= step) throw new Error('the process is dead');
          calls += 1;
        };
        const patched = await append(bytes.subarray(cut), dying).catch(() => undefined);
        driver.before = () => undefined;
        mock.timers.tick(61_000);
        const replica = storeOn(driver);
        const held = await offset(replica);
        expect(held).to.be.within(cut, bytes.length);
        if (patched !== undefined) expect(held).to.equal(bytes.length);
        await append(bytes.subarray(held), replica, held);
        await finish(digest, new Uint8Array(), replica);
        expect((await contentOf(driver, digest)).equals(bytes)).to.equal(true);
        mock.timers.reset();
        if (patched !== undefined) break;
      }
    });

    it('keeps others away until its claim has run out', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
      ({ id } = await store.uploads.begin('app'));
      const forever = {
        body: (async function* () {
          yield await new Promise<Uint8Array>(() => undefined);
        })(),
      };
      void store.uploads.append('app', id, forever);
      const replica = storeOn(driver);
      // The claim is a write of its own.
      while (!driver.texts.includes('write session')) await Promise.resolve();
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      expect(await rejectionOf(append(Buffer.from('x'), replica))).to.include({ name: 'UploadOutOfOrder' });
      mock.timers.tick(61_000);
      expect((await append(Buffer.from('x'), replica)).offset).to.equal(1);
    });
  });

  describe('that is ended', () => {
    it('by its client gives all of its space back at once', async () => {
      for (const partSize of [1, MIB]) {
        driver = new RecordingDriver({ partSize });
        store = storeOn(driver);
        ({ id } = await store.uploads.begin('app'));
        await append(freshContent(2 * MIB + 100).bytes);
        await store.uploads.cancel('app', id);
        expect(driver.openUploads.size).to.equal(0);
        expect((await driver.list('tails/', { limit: 10 })).keys).to.deep.equal([]);
        for (const replica of [store, storeOn(driver)]) {
          expect(await rejectionOf(offset(replica))).to.include({ code: 'BLOB_UPLOAD_UNKNOWN' });
        }
      }
    });

    it('by nobody for longer than it may rest is swept, with all of its space, and no other is', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
      driver = new RecordingDriver({ partSize: MIB });
      store = storeOn(driver, { maxAge: HOUR });
      ({ id } = await store.uploads.begin('app'));
      await append(freshContent(2 * MIB + 100).bytes);
      const abandoned = id;
      mock.timers.tick(HOUR / 2);
      ({ id } = await store.uploads.begin('app'));
      await append(freshContent(2 * MIB + 100).bytes);
      expect(await store.uploads.expire()).to.equal(0);
      mock.timers.tick(HOUR / 2 + 1);
      // Two replicas may sweep at once: what one has ended the other leaves alone.
      const swept = await Promise.all([
        store.uploads.expire(),
        storeOn(driver, { maxAge: HOUR }).uploads.expire(),
      ]);
      expect(swept.reduce((sum, count) => sum + count)).to.be.within(1, 2);
      expect(await offset()).to.equal(2 * MIB + 100);
      expect(driver.openUploads.size).to.equal(1);
      expect((await driver.list('tails/', { limit: 10 })).keys).to.have.lengthOf(1);
      const gone = await rejectionOf(store.uploads.status('app', abandoned));
      expect(gone).to.include({ code: 'BLOB_UPLOAD_UNKNOWN' });
    });

    it('before its first byte needs no sweep: its id is no good any more when it is old', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
      store = storeOn(driver, { maxAge: HOUR });
      ({ id } = await store.uploads.begin('app'));
      mock.timers.tick(HOUR);
      expect(await offset()).to.equal(0);
      mock.timers.tick(1);
      expect(await rejectionOf(offset())).to.include({ code: 'BLOB_UPLOAD_UNKNOWN' });
    });
  });

  it('is one of so many that may receive bytes at once: more are refused, not queued', async () => {
    store = storeOn(driver, { maxConcurrent: 2 });
    const ends = [Promise.withResolvers<Uint8Array>(), Promise.withResolvers<Uint8Array>()];
    const slow = ends.map(async ({ promise }) => {
      const upload = await store.uploads.begin('app');
      return store.uploads.append('app', upload.id, {
        body: (async function* () {
          yield await promise;
        })(),
      });
    });
    ({ id } = await store.uploads.begin('app'));
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(await rejectionOf(append(Buffer.from('x')))).to.include({ code: 'TOOMANYREQUESTS' });
    expect(await offset()).to.equal(0);
    for (const { resolve } of ends) resolve(Buffer.from('done'));
    await Promise.all(slow);
    expect((await append(Buffer.from('x'))).offset).to.equal(1);
  });
});
