import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isStorageError, type LargeObject, type StorageErrorCode, type Upload } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import {
  s3Error,
  startFaultProxy,
  type FaultProxy,
  type SeenRequest,
} from '../../../test/servers/fault-proxy.ts';
import type { S3Server } from '../../../test/servers/s3-server.ts';
import { startVersitygw } from '../../../test/servers/versitygw.ts';
import type { Input } from '../src/options.ts';
import { openDriver, type OpenDriver } from './probed-driver.ts';
import { scratchBucket } from './scratch-bucket.ts';

const MiB = 1024 * 1024;
const busy = { kind: 'answer', status: 503, body: s3Error('SlowDown') } as const;
const puts = ({ method, url }: SeenRequest): boolean => method === 'PUT' && !url.includes('uploadId');
const parts = ({ method, url }: SeenRequest): boolean => method === 'PUT' && url.includes('uploadId');
const gets = ({ method }: SeenRequest): boolean => method === 'GET';
const heads = ({ method }: SeenRequest): boolean => method === 'HEAD';
const deletes = ({ method }: SeenRequest): boolean => method === 'DELETE';
const completions = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploadId');

describe('S3 through a bad network', () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let bucket: Input;
  let opened: OpenDriver[];

  before(async () => {
    server = await startVersitygw();
  });
  after(() => server.stop());
  beforeEach(async () => {
    proxy = await startFaultProxy(server.endpoint);
    bucket = await scratchBucket(server);
    opened = [];
  });
  afterEach(async () => {
    for (const { s3 } of opened) s3.close();
    await proxy.stop();
  });

  /** A driver behind the proxy. Deletes leave tombstones unless the backend is said to have conditional ones. */
  const open = (options: Partial<Input> = {}, conditionalDeletes = true): OpenDriver['driver'] => {
    const one = openDriver({ ...bucket, endpoint: proxy.endpoint, timeout: 1, ...options });
    one.s3.abilities = { bareEtags: false, conditionalDeletes };
    opened.push(one);
    return one.driver;
  };
  /** Another process, whose network is good. */
  const other = (conditionalDeletes = true): OpenDriver['driver'] =>
    open({ endpoint: server.endpoint }, conditionalDeletes);

  describe('tries again', () => {
    it('what the backend was too busy for', async () => {
      const driver = open();
      const large = noise(6 * MiB);
      proxy.inject(busy, { match: puts });
      await driver.write('a', text('1'));
      for (const match of [gets, heads, parts, completions, deletes]) proxy.inject(busy, { match });
      expect((await driver.read('a'))?.bytes).to.deep.equal(text('1'));
      expect(await driver.size('a')).to.equal(1);
      await uploadWhole(driver, 'large', large);
      proxy.inject(busy, { match: gets });
      expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['a', 'large'], more: false });
      await driver.delete('a');
      expect(await contentOf(await driver.open('large'))).to.deep.equal(large);
    });

    it('when a fifth of all requests is told to come later', async () => {
      const driver = open();
      let number = 0;
      proxy.inject(busy, { times: Infinity, match: () => (number += 1) % 5 === 0 });
      for (let object = 0; object < 50; object += 1) {
        const { etag } = await driver.write(`small/${object}`, text(`${object}`), { ifAbsent: true });
        await driver.write(`small/${object}`, text(`now ${object}`), { ifMatch: etag });
      }
      await uploadWhole(driver, 'large', noise(16 * MiB));
      expect((await driver.list('small/', { limit: 100 })).keys).to.have.lengthOf(50);
      expect(await contentOf(await driver.open('large'))).to.deep.equal(noise(16 * MiB));
    });

    it('a part that broke off in the middle', async () => {
      const driver = open();
      proxy.inject({ kind: 'cutRequest', after: 100_000 }, { match: parts, times: 2 });
      await uploadWhole(driver, 'large', noise(9 * MiB));
      expect(await contentOf(await driver.open('large'))).to.deep.equal(noise(9 * MiB));
    });

    it('what nobody answered', async () => {
      const driver = open({ timeout: 0.3 });
      proxy.inject({ kind: 'silence' }, { match: puts });
      await driver.write('a', text('1'), { ifAbsent: true });
      expect((await driver.read('a'))?.bytes).to.deep.equal(text('1'));
    });

    it('with the time of the backend, when its own clock was said to be wrong', async () => {
      const driver = open();
      const wrong = { date: new Date(Date.now() + 30 * 60_000).toUTCString() };
      const body = s3Error('RequestTimeTooSkewed');
      proxy.inject({ kind: 'answer', status: 403, body, headers: wrong }, { match: puts });
      await driver.write('a', text('1'));
      // The first is told a wrong time, the second is refused for believing it, the third has the right one.
      expect(proxy.seen.filter(puts)).to.have.lengthOf(3);
    });

    it('not for ever: a backend that stays away is an error, after as many attempts as are allowed', async () => {
      const driver = open({ maxAttempts: 3, timeout: 0.2 });
      for (const fault of [busy, { kind: 'silence' }, { kind: 'cutRequest', after: 0 }] as const) {
        const before = proxy.seen.length;
        proxy.inject(fault, { times: 3 });
        await fails(driver.read('a'), 'UNAVAILABLE');
        expect(proxy.seen.length - before, fault.kind).to.equal(3);
      }
    });
  });

  describe('knows its own write when the answer was lost', () => {
    it('under ifAbsent', async () => {
      const driver = open();
      proxy.inject({ kind: 'loseAnswer' }, { match: puts });
      const { etag } = await driver.write('a', text('1'), { ifAbsent: true });
      expect((await other().read('a'))?.etag).to.equal(etag);
    });

    it('under ifMatch', async () => {
      const driver = open();
      const first = await driver.write('a', text('1'));
      proxy.inject({ kind: 'loseAnswer' }, { match: puts });
      const { etag } = await driver.write('a', text('2'), { ifMatch: first.etag });
      expect((await other().read('a'))?.etag).to.equal(etag);
    });

    it('and says that it does not know, when another came after it', async () => {
      const driver = open();
      const first = await driver.write('a', text('1'));
      proxy.inject({ kind: 'loseAnswer' }, { match: puts });
      const replace = async (): Promise<void> => {
        const now = await other().read('a');
        expect(now?.bytes).to.deep.equal(text('2'));
        await other().write('a', text('3'), { ifMatch: now?.etag ?? '' });
      };
      proxy.inject({ kind: 'hold', until: replace }, { match: puts });
      await fails(driver.write('a', text('2'), { ifMatch: first.etag }), 'UNAVAILABLE');
      expect((await driver.read('a'))?.bytes).to.deep.equal(text('3'));
    });

    it('and is refused, when another was first', async () => {
      const driver = open();
      proxy.inject({ kind: 'cutRequest', after: 0 }, { match: puts });
      proxy.inject({ kind: 'hold', until: () => other().write('a', text('theirs')) }, { match: puts });
      await fails(driver.write('a', text('mine'), { ifAbsent: true }), 'PRECONDITION_FAILED');
    });

    it('of a large object, which has then been completed', async () => {
      const driver = open();
      proxy.inject({ kind: 'loseAnswer' }, { match: completions });
      const gone = { kind: 'answer', status: 404, body: s3Error('NoSuchUpload') } as const;
      proxy.inject(gone, { match: completions });
      await uploadWhole(driver, 'large', noise(9 * MiB));
      expect(await contentOf(await driver.open('large'))).to.deep.equal(noise(9 * MiB));
    });

    it('and takes the object of another upload for none of its own', async () => {
      const driver = open();
      await uploadWhole(driver, 'large', noise(9 * MiB));
      const gone = { kind: 'answer', status: 404, body: s3Error('NoSuchUpload') } as const;
      proxy.inject(gone, {
        match: ({ url }) => url.includes('uploadId') && !url.includes('partNumber'),
        times: 2,
      });
      await fails(uploadWhole(driver, 'large', noise(9 * MiB)), 'UPLOAD_UNKNOWN');
    });
  });

  for (const conditionalDeletes of [true, false]) {
    describe(`deletes one version ${conditionalDeletes ? 'with If-Match' : 'with a tombstone'}`, () => {
      it('also when the answer was lost', async () => {
        const driver = open({}, conditionalDeletes);
        const { etag } = await driver.write('a', text('1'));
        proxy.inject({ kind: 'loseAnswer' }, { match: conditionalDeletes ? deletes : puts });
        await driver.delete('a', { ifMatch: etag });
        expect(await driver.read('a')).to.equal(undefined);
        await driver.write('a', text('2'), { ifAbsent: true });
      });

      it('and no other, also when it has to ask twice', async () => {
        const driver = open({}, conditionalDeletes);
        const { etag } = await driver.write('a', text('1'));
        proxy.inject({ kind: 'cutRequest', after: 0 }, { match: conditionalDeletes ? deletes : puts });
        const replace = (): Promise<unknown> => other().write('a', text('2'), { ifMatch: etag });
        proxy.inject({ kind: 'hold', until: replace }, { match: conditionalDeletes ? deletes : puts });
        await fails(driver.delete('a', { ifMatch: etag }), 'PRECONDITION_FAILED');
        expect((await driver.read('a'))?.bytes).to.deep.equal(text('2'));
      });
    });
  }

  it('creates nothing in the place of a tombstone before the DELETE for it has been carried out', async () => {
    const driver = open({}, false);
    const { etag } = await driver.write('a', text('old'));
    const { promise: looksAgain, resolve } = Promise.withResolvers<undefined>();
    let attempts = 0;
    proxy.inject(
      { kind: 'hold', until: async () => resolve(undefined) },
      { match: (request) => puts(request) && 'if-none-match' in request.headers && (attempts += 1) === 3 },
    );
    let created: Promise<unknown> = Promise.resolve();
    const create = (): Promise<unknown> => {
      created = open({}, false).write('a', text('new'), { ifAbsent: true });
      return Promise.race([created, looksAgain]);
    };
    proxy.inject({ kind: 'hold', until: create }, { match: deletes });
    await driver.delete('a', { ifMatch: etag });
    await created;
    expect((await driver.read('a'))?.bytes).to.deep.equal(text('new'));
  });

  describe('a tombstone whose removal has failed', () => {
    beforeEach(async () => {
      const driver = open({}, false);
      await driver.write('p/a', text('kept'));
      const { etag } = await driver.write('p/b', text('1'));
      await driver.write('p/c', text('kept'));
      proxy.inject({ kind: 'cutRequest', after: 0 }, { match: deletes });
      await driver.delete('p/b', { ifMatch: etag });
      expect(proxy.seen.filter(deletes), 'a DELETE is sent once').to.have.lengthOf(1);
    });

    it('counts as absent, for drivers of either kind', async () => {
      for (const driver of [open({}, false), open({}, true)]) {
        expect(await driver.read('p/b')).to.equal(undefined);
        expect(await driver.open('p/b')).to.equal(undefined);
        expect(await driver.open('p/b', { start: 0, end: 5 })).to.equal(undefined);
        expect(await driver.size('p/b')).to.equal(undefined);
        expect(await driver.list('p/', { limit: 1 })).to.deep.equal({ keys: ['p/a'], more: true });
        expect(await driver.list('p/', { startAfter: 'p/a', limit: 1 })).to.deep.equal({
          keys: ['p/c'],
          more: false,
        });
        await driver.delete('p/b', { ifMatch: '"another"' });
      }
    });

    it('is not written over while the DELETE may still be carried out', async () => {
      for (const options of [{ ifAbsent: true }, {}]) {
        await fails(open({}, false).write('p/b', text('2'), options), 'UNAVAILABLE');
      }
    });

    it('is written over afterwards, by one', async () => {
      const driver = open({}, false);
      proxy.inject({ kind: 'headers', headers: in4Minutes() }, { match: heads, times: 8 });
      const results = await Promise.allSettled(
        ['2', '3'].map((value) => driver.write('p/b', text(value), { ifAbsent: true })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1);
      expect((await driver.read('p/b'))?.bytes).to.have.lengthOf(1);
    });

    it('is cleared away by a list afterwards', async () => {
      for (const conditionalDeletes of [false, true]) {
        proxy.inject({ kind: 'headers', headers: in4Minutes() }, { match: heads });
        await open({}, conditionalDeletes).list('p/', { limit: 10 });
        await open({}, false).write('p/b', text('2'), { ifAbsent: true });
        await open({}, false).delete('p/b');
      }
    });
  });

  describe('reads a large object to its end', () => {
    const content = noise(4 * MiB);
    const reads = (): SeenRequest[] =>
      proxy.seen.filter(({ method, url }) => method === 'GET' && url.includes('large'));

    beforeEach(() => other().write('large', content));

    it('over a connection that breaks off twice', async () => {
      const driver = open();
      for (const after of [MiB, 1000]) proxy.inject({ kind: 'cutAnswer', after }, { match: gets });
      expect(await contentOf(await driver.open('large'))).to.deep.equal(content);
      expect(reads()).to.have.lengthOf(3);
      expect(reads()[1]?.headers).to.include.keys('range', 'if-match');
    });

    it('over a connection that falls silent', async () => {
      const driver = open({ timeout: 0.3 });
      proxy.inject({ kind: 'stallAnswer', after: 50_000 }, { match: gets });
      const range = { start: 10, end: 2 * MiB };
      expect(await contentOf(await driver.open('large', range))).to.deep.equal(content.slice(10, 2 * MiB));
      expect(reads()).to.have.lengthOf(2);
    });

    it('but not over one that never brings a byte', async () => {
      const driver = open();
      proxy.inject({ kind: 'cutAnswer', after: 0 }, { match: gets, times: 10 });
      await fails(contentOf(await driver.open('large')), 'UNAVAILABLE');
    });

    it('but not from one version into another', async () => {
      const driver = open();
      proxy.inject({ kind: 'cutAnswer', after: MiB }, { match: gets });
      const object = await driver.open('large');
      await other().write('large', noise(4 * MiB, 9));
      await fails(contentOf(object), 'UNAVAILABLE');
    });

    it('while others read slowly: they hold their own connections, and what finds none waits', async () => {
      const driver = open({ connections: 8, maxAttempts: 2 });
      const slow: LargeObject[] = [];
      for (let count = 0; count < 8; count += 1) slow.push(present(await driver.open('large')));
      await driver.write('a', text('1'));
      expect(await driver.size('large')).to.equal(content.length);
      await fails(driver.open('large'), 'UNAVAILABLE');
      await slow.pop()?.close();
      expect(await contentOf(await driver.open('large'))).to.deep.equal(content);
      for (const object of slow) await object.close();
    });
  });

  describe('never takes an error for absence', () => {
    const findsNothing = async (driver: OpenDriver['driver']): Promise<void> => {
      await fails(driver.read('a'), 'UNAVAILABLE');
      await fails(driver.size('a'), 'UNAVAILABLE');
      await fails(driver.open('a'), 'UNAVAILABLE');
      await fails(driver.list('', { limit: 1 }), 'UNAVAILABLE');
    };

    it('when the backend is down', async () => {
      const driver = open({ maxAttempts: 2 });
      await proxy.stop();
      await findsNothing(driver);
      proxy = await startFaultProxy(server.endpoint);
    });

    it('when the bucket is gone', async () => {
      await findsNothing(open({ bucket: 'no-such-bucket' }));
    });

    it('when something in between answers 404', async () => {
      proxy.inject({ kind: 'answer', status: 404, body: '404 page not found' }, { times: Infinity });
      await findsNothing(open());
    });
  });

  it('gets new credentials when the old ones have expired', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-s3-'));
    const keep = process.env['AWS_CONFIG_FILE'];
    try {
      const calls = join(folder, 'calls');
      const script = join(folder, 'keys.sh');
      const keys = JSON.stringify({
        Version: 1,
        AccessKeyId: server.credentials.accessKeyId,
        SecretAccessKey: server.credentials.secretAccessKey,
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      });
      await writeFile(script, `#!/bin/sh\necho call >> '${calls}'\ncat <<'END'\n${keys}\nEND\n`);
      await chmod(script, 0o755);
      await writeFile(
        join(folder, 'config'),
        `[profile keys]\nregion = us-east-1\ncredential_process = ${script}\n`,
      );
      process.env['AWS_CONFIG_FILE'] = join(folder, 'config');

      const { bucket: name } = bucket;
      const one = openDriver({ bucket: name, endpoint: proxy.endpoint, profile: 'keys' });
      opened.push(one);
      await one.driver.write('a', text('1'));
      proxy.inject({ kind: 'answer', status: 400, body: s3Error('ExpiredToken') }, { match: gets });
      expect((await one.driver.read('a'))?.bytes).to.deep.equal(text('1'));
      expect(await one.s3.credentialSource()).to.contain('PROCESS');
      // Once for each of the two clients, which share what they get, and once more after the token had expired.
      expect((await readFile(calls, 'utf8')).split('\n')).to.have.lengthOf(3);
    } finally {
      if (keep === undefined) delete process.env['AWS_CONFIG_FILE'];
      else process.env['AWS_CONFIG_FILE'] = keep;
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is full when the backend says so', async () => {
    const driver = open();
    for (const fault of [
      { kind: 'answer', status: 403, body: s3Error('QuotaExceeded') },
      { kind: 'answer', status: 507, body: s3Error('InsufficientStorage') },
    ] as const) {
      proxy.inject(fault, { match: puts });
      await fails(driver.write('a', text('1')), 'NO_SPACE');
    }
  });
});

async function fails(call: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  const error: unknown = await call.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(isStorageError(error, code), `expected ${code}, got ${String(error)}`).to.equal(true);
}

async function uploadWhole(driver: OpenDriver['driver'], key: string, bytes: Uint8Array): Promise<void> {
  let upload: Upload = { key, offset: 0, parts: 0, state: await driver.createUpload(key) };
  for (;;) {
    const { offset } = upload;
    const end = offset + driver.partSize(offset);
    if (end > bytes.length) break;
    const state = await driver.uploadPart(upload, [bytes.subarray(offset, end)]);
    upload = { key, offset: end, parts: upload.parts + 1, state };
  }
  await driver.completeUpload(upload, [bytes.subarray(upload.offset)]);
}

async function contentOf(object: LargeObject | undefined): Promise<Uint8Array> {
  const open = present(object);
  const chunks: Uint8Array[] = [];
  try {
    for (let chunk = await open.read(); chunk !== undefined; chunk = await open.read()) chunks.push(chunk);
  } finally {
    await open.close();
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('expected an object');
  return value;
}

function noise(length: number, seed = 1): Uint8Array {
  let word = seed;
  return new Uint8Array(length).map(() => {
    word = (Math.imul(word, 1_103_515_245) + 12_345) | 0;
    return word >>> 16;
  });
}

/** The Date that a backend would send four minutes from now. */
function in4Minutes(): { readonly date: string } {
  return { date: new Date(Date.now() + 240_000).toUTCString() };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
