import {
  isStorageError,
  type LargeObject,
  type StorageDriver,
  type StorageErrorCode,
  type Upload,
} from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { StrictGcs, type Incoming, type Misfortune } from '../../../test/servers/strict-gcs.ts';
import { GcsDriver } from '../src/driver.ts';
import type { Bucket } from '../src/gcs/bucket.ts';
import { Objects } from '../src/gcs/objects.ts';
import { openDriver, silentLog } from './open-driver.ts';

const text = (value: string): Uint8Array => Buffer.from(value);
const day = 24 * 3600 * 1000;

describe('a driver for Google Cloud Storage', () => {
  let gcs: StrictGcs;
  let driver: StorageDriver;
  let bucket: Bucket;
  let misfortune: (request: Incoming) => Misfortune | undefined;

  beforeEach(async () => {
    misfortune = () => undefined;
    gcs = await StrictGcs.start({ misfortune: (request) => misfortune(request) });
    gcs.createBucket('b');
    ({ driver, bucket } = open());
  });
  afterEach(async () => {
    bucket.close();
    await gcs.stop();
  });

  const open = (options = {}): { driver: StorageDriver; bucket: Bucket } =>
    openDriver({ bucket: 'b', apiEndpoint: gcs.endpoint, maxAttempts: 3, timeout: 20, ...options });
  /** What happens to the first requests that change something; to the later ones, nothing. */
  const happens = (...misfortunes: readonly Misfortune[]): void => {
    let changes = 0;
    misfortune = ({ method }) => {
      if (method === 'GET') return undefined;
      changes += 1;
      return misfortunes[changes - 1];
    };
  };
  const begin = async (key: string): Promise<Upload> => ({
    key,
    offset: 0,
    parts: 0,
    state: await driver.createUpload(key),
  });

  it('takes a write for its own when it is refused because of itself: the first answer was lost', async () => {
    happens('lost answer');
    const created = await driver.write('a', text('1'), { ifAbsent: true });
    expect((await driver.read('a'))?.etag).to.equal(created.etag);
    happens('lost answer');
    const replaced = await driver.write('a', text('2'), { ifMatch: created.etag });
    expect(await driver.read('a')).to.deep.equal({ bytes: Buffer.from('2'), etag: replaced.etag });
  });

  it('does not know, and says so, when the answer was lost and another version is there', async () => {
    await driver.write('a', text('theirs'));
    happens('lost request');
    await refused(driver.write('a', text('ours'), { ifAbsent: true }), 'UNAVAILABLE');
  });

  it('looks for nothing when a write is refused at once', async () => {
    await driver.write('a', text('1'));
    await refused(driver.write('a', text('2'), { ifAbsent: true }), 'PRECONDITION_FAILED');
    expect(gcs.requests).to.have.lengthOf(2);
  });

  it('takes no etag but its own for a condition: 0 would create', async () => {
    for (const ifMatch of ['0', '', 'x', '"1"']) {
      await refused(driver.write('a', text('1'), { ifMatch }), 'PRECONDITION_FAILED');
    }
    expect(await driver.read('a')).to.equal(undefined);
  });

  it('tries again when it is told to come later, as often as it may', async () => {
    happens({ status: 503 }, { status: 429 });
    await driver.write('a', text('1'));
    expect(gcs.requests).to.have.lengthOf(3);
    misfortune = () => ({ status: 503 });
    await refused(driver.read('a'), 'UNAVAILABLE');
    expect(gcs.requests).to.have.lengthOf(6);
  });

  it('does not ask again for what is refused for good', async () => {
    misfortune = () => ({ status: 403 });
    await refused(driver.read('a'), 'UNAVAILABLE');
    expect(gcs.requests).to.have.lengthOf(1);
  });

  it('is full when Google has no space', async () => {
    misfortune = () => ({ status: 507 });
    await refused(driver.write('a', text('1')), 'NO_SPACE');
  });

  it('is unavailable when nothing comes for so long', async () => {
    const impatient = open({ timeout: 0.1, maxAttempts: 1 });
    misfortune = () => 'silence';
    await refused(impatient.driver.read('a'), 'UNAVAILABLE');
    await refused(impatient.driver.write('a', text('1')), 'UNAVAILABLE');
    impatient.bucket.close();
  });

  it('takes an object for absent, but not a bucket that is missing', async () => {
    expect(await driver.read('a')).to.equal(undefined);
    gcs.deleteBucket('b');
    const upload = await begin('a');
    for (const call of [
      () => driver.read('a'),
      () => driver.size('a'),
      () => driver.open('a'),
      () => driver.delete('a'),
      () => driver.list('', { limit: 1 }),
      () => driver.completeUpload(upload, [text('tail')]),
    ]) {
      await refused(call(), 'UNAVAILABLE');
    }
  });

  it('asks for the bucket when a 404 does not say what is missing', async () => {
    misfortune = ({ number }) => (number === 0 ? { status: 404 } : undefined);
    expect(await driver.read('a')).to.equal(undefined);
    expect(gcs.requests).to.have.lengthOf(2);
    gcs.deleteBucket('b');
    misfortune = ({ number }) => (number === 2 ? { status: 404 } : undefined);
    await refused(driver.read('a'), 'UNAVAILABLE');
  });

  it('goes on reading the same generation where the connection broke off', async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
    const { etag } = await driver.write('a', bytes);
    misfortune = ({ number }) => (number === 1 ? 'broken answer' : undefined);
    const object = await driver.open('a');
    expect(Buffer.compare(await drain(object), bytes)).to.equal(0);
    expect(gcs.requests[2]?.url).to.include(`ifGenerationMatch=${etag}`);
  });

  it('does not mix generations: one that was replaced meanwhile is unavailable', async () => {
    await driver.write('a', new Uint8Array(300_000));
    misfortune = ({ number }) => (number === 1 ? 'broken answer' : undefined);
    const object = await driver.open('a');
    await driver.write('a', new Uint8Array(300_000).fill(1));
    await refused(drain(object), 'UNAVAILABLE');
  });

  it('puts thousands of parts together, 32 at a time, in order', async () => {
    const bytewise = new GcsDriver(bucket, 1, silentLog);
    const count = 1100;
    let upload = await begin('a');
    for (let part = 0; part < count; part += 1) {
      const state = await bytewise.uploadPart(upload, [Uint8Array.of(part % 251)]);
      upload = { key: 'a', offset: part + 1, parts: part + 1, state };
    }
    await bytewise.completeUpload(upload, []);
    const expected = Uint8Array.from({ length: count }, (_, part) => part % 251);
    expect(Buffer.compare(await drain(await driver.open('a')), expected)).to.equal(0);
    expect(gcs.namesIn('b')).to.deep.equal(['a']);
  });

  it('knows that an upload is complete when the answer to that was lost', async () => {
    const upload = await begin('a');
    // The part, then the composition.
    let changes = 0;
    misfortune = ({ url }) => {
      if (!url.includes('/compose')) return undefined;
      changes += 1;
      return changes === 1 ? 'lost answer' : undefined;
    };
    await driver.completeUpload(upload, [text('tail')]);
    expect(await driver.size('a')).to.equal(4);
    await driver.completeUpload(upload, [text('tail')]);
  });

  it('never replaces what is complete, also when the parts are uploaded anew', async () => {
    const upload = await begin('a');
    await driver.completeUpload(upload, [text('first')]);
    await refused(driver.completeUpload(upload, [text('second one')]), 'UPLOAD_UNKNOWN');
    expect((await drain(await driver.open('a'))).toString()).to.equal('first');
    expect(gcs.namesIn('b')).to.deep.equal(['a']);
  });

  it('lets nobody complete what was aborted, also when all parts are uploaded anew', async () => {
    const upload = await begin('a');
    await driver.abortUpload(upload);
    await refused(driver.completeUpload(upload, [text('tail')]), 'UPLOAD_UNKNOWN');
    expect(await driver.open('a')).to.equal(undefined);
    expect(await driver.read('a')).to.equal(undefined);
    expect(await driver.size('a')).to.equal(undefined);
    expect(gcs.namesIn('b')).to.deep.equal(['a']);
  });

  it('completes another upload of a key of which uploads were aborted, and none of these', async () => {
    const aborted = await Promise.all([begin('a'), begin('a'), begin('a')]);
    await Promise.all(aborted.map((upload) => driver.abortUpload(upload)));
    const other = await begin('a');
    for (const upload of aborted)
      await refused(driver.completeUpload(upload, [text('lost')]), 'UPLOAD_UNKNOWN');
    const state = await driver.uploadPart(other, [text('part')]);
    await driver.completeUpload({ ...other, offset: 4, parts: 1, state }, [text('tail')]);
    for (const upload of aborted) {
      await refused(driver.completeUpload(upload, [text('lost')]), 'UPLOAD_UNKNOWN');
      await driver.abortUpload(upload);
    }
    expect((await drain(await driver.open('a'))).toString()).to.equal('parttail');
  });

  it('lists no upload that was aborted, and forgets it once no upload can be that old', async () => {
    for (const key of ['data/a', 'data/b']) await driver.abortUpload(await begin(key));
    await driver.write('data/c', text('1'));
    gcs.age('b', 'data/b', new Date(Date.now() - 61 * day));
    expect(await driver.list('', { limit: 2 })).to.deep.equal({ keys: ['data/c'], more: false });
    expect(gcs.namesIn('b')).to.deep.equal(['data/a', 'data/c']);
  });

  it('lists no parts and no objects of others, and pays for no parts', async () => {
    const upload = await begin('a');
    await driver.uploadPart(upload, [text('part')]);
    await driver.write('b', text('1'));
    await bucketPut(bucket, 'c d');
    await bucketPut(bucket, 'd/');
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['b'], more: false });
    expect(new URL(gcs.requests.at(-1)?.url ?? '', 'http://gcs').searchParams.get('startOffset')).to.equal(
      '-',
    );
  });

  it('is healthy while the bucket answers, also after one unlucky answer, and not when it is gone', async () => {
    await bucket.reach();
    misfortune = ({ number }) => (number === 1 ? { status: 503 } : undefined);
    await bucket.reach();
    gcs.deleteBucket('b');
    await refused(bucket.reach(), 'UNAVAILABLE');
  });

  it('completes also when the parts cannot be deleted afterwards', async () => {
    misfortune = ({ method }) => (method === 'DELETE' ? { status: 403 } : undefined);
    await driver.completeUpload(await begin('a'), [text('tail')]);
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['a'], more: false });
  });
});

async function bucketPut(bucket: Bucket, name: string): Promise<void> {
  await new Objects(bucket).put(name, [], { condition: undefined, id: 'other' });
}

async function refused(call: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isStorageError(error, code), String(error)).to.equal(true);
}

async function drain(object: LargeObject | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read())
    chunks.push(chunk);
  return Buffer.concat(chunks);
}
