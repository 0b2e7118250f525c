import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { crc32 } from 'node:zlib';
import { isStorageError } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import type { Input } from '../src/options.ts';
import { openDriver, type OpenDriver } from './probed-driver.ts';

/** An answer as some backend has given it. */
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const etag = '"5d41402abc4b2a76b9719d911017c592"';
const error = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
});
const object = (body: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  headers: { etag, 'last-modified': 'Wed, 25 Nov 2026 02:00:00 GMT', ...headers },
  body,
});

describe('what is said to S3, and how its answers are taken', () => {
  let server: Server;
  let asked: Asked[];
  let answers: Answer[];
  let opened: OpenDriver[];

  beforeEach(async () => {
    [asked, answers, opened] = [[], [], []];
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        asked.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        const { status = 200, headers: given = {}, body = '' } = answers.shift() ?? {};
        response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...given });
        response.end(method === 'HEAD' ? '' : body);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    for (const { s3 } of opened) s3.close();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  /** A driver whose backend gives these answers in turn. */
  const driver = (given: readonly Answer[], options: Partial<Input> = {}): OpenDriver['driver'] => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
    answers.push(...given);
    const endpoint = `http://127.0.0.1:${address.port}`;
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
    const one = openDriver({ bucket: 'bucket', endpoint, credentials, maxAttempts: 1, ...options });
    opened.push(one);
    return one.driver;
  };
  const unavailable = async (call: Promise<unknown>): Promise<unknown> => {
    const thrown: unknown = await call.catch((reason: unknown) => reason);
    expect(isStorageError(thrown, 'UNAVAILABLE'), String(thrown)).to.equal(true);
    return thrown;
  };

  it('an object is created where there is none with If-None-Match, under its prefix, signed for the region', async () => {
    const written = await driver([object('')], { prefix: 'team/registry/' }).write('a/b', Buffer.from('{}'));
    expect(written.etag).to.equal(etag);
    expect(asked[0]).to.deep.include({
      method: 'PUT',
      url: '/bucket/team/registry/a/b?x-id=PutObject',
      body: '{}',
    });
    expect(asked[0]?.headers).to.include({ 'if-none-match': '*', 'content-length': '2' });
    expect(asked[0]?.headers.authorization).to.contain('/us-east-1/s3/aws4_request');
    expect(asked[0]?.headers)
      .to.include.keys('x-amz-meta-entrepot-id')
      .and.not.include.keys('if-match', 'x-amz-acl');
  });

  it('a version is replaced with If-Match', async () => {
    await driver([object('')]).write('a', Buffer.from('{}'), { ifMatch: etag });
    expect(asked[0]?.headers).to.include({ 'if-match': etag }).and.not.include.keys('if-none-match');
  });

  it('a version that is known is asked for with If-None-Match, and is what a 304 means', async () => {
    const known = { bytes: Buffer.from('known'), etag };
    expect(await driver([{ status: 304, headers: { etag } }]).read('a', known)).to.equal(known);
    expect(asked[0]?.headers).to.include({ 'if-none-match': etag });
  });

  it('a range is half-open here and closed there', async () => {
    const partial = { ...object('llo', { 'content-range': 'bytes 2-4/5' }), status: 206 };
    const opened = await driver([partial]).open('a', { start: 2, end: 9 });
    expect(asked[0]?.headers.range).to.equal('bytes=2-8');
    expect(opened?.size).to.equal(5);
    expect(Buffer.from((await opened?.read()) ?? []).toString()).to.equal('llo');
    expect(await opened?.read()).to.equal(undefined);
    await opened?.close();
  });

  it('a backend that answers a range with the whole object is not believed', async () => {
    await unavailable(driver([object('hello')]).open('a', { start: 2, end: 4 }));
  });

  it('objects are encrypted as the options say', async () => {
    const options = { serverSideEncryption: 'aws:kms', kmsKeyId: 'key-1' } as const;
    const begun = {
      body: '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
    };
    const one = driver([object(''), begun], options);
    await one.write('a', Buffer.from('{}'));
    await one.createUpload('b');
    for (const { headers } of asked) {
      expect(headers).to.include({
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      });
    }
  });

  it('objects from 128 KiB on have the storage class of the options, smaller ones that of the bucket', async () => {
    const begun = {
      body: '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
    };
    const one = driver([object(''), object(''), begun], { storageClass: 'STANDARD_IA' });
    await one.write('a', new Uint8Array(128 * 1024 - 1));
    await one.write('b', new Uint8Array(128 * 1024));
    await one.createUpload('c');
    const classes = asked.map(({ headers }) => headers['x-amz-storage-class']);
    expect(classes).to.deep.equal([undefined, 'STANDARD_IA', 'STANDARD_IA']);
  });

  it('checksums go along as for Amazon only when they are asked for', async () => {
    await driver([object('')]).write('a', Buffer.from('{}'));
    await driver([object('')], { checksums: 'supported' }).write('a', Buffer.from('{}'));
    const sums = asked.map(({ headers }) => headers['x-amz-checksum-crc32']);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32('{}'));
    expect(sums).to.deep.equal([undefined, sum.toString('base64')]);
  });

  for (const answer of [
    error(404, 'NoSuchBucket'),
    error(403, 'AccessDenied'),
    { status: 404, body: '<html>nginx: not found</html>' },
    { status: 404 },
    { status: 200, body: 'no etag' },
  ] as const) {
    it(`absence is only what is called NoSuchKey, not ${answer.status} ${answer.body ?? ''}`, async () => {
      await unavailable(driver([answer]).read('a'));
      await unavailable(driver([answer]).open('a'));
      await unavailable(driver([answer, answer]).size('a'));
    });
  }

  it('absence is NoSuchKey', async () => {
    const absent = error(404, 'NoSuchKey');
    expect(await driver([absent]).read('a')).to.equal(undefined);
    expect(await driver([absent]).open('a')).to.equal(undefined);
    expect(await driver([absent, absent]).size('a')).to.equal(undefined);
  });

  it('a body that is shorter than it promised is not an object', async () => {
    const short = object('hell', { 'content-length': '5' });
    await unavailable(driver([short], { timeout: 0.2 }).read('a'));
  });

  it('an object that is not small is not read into memory', async () => {
    const large = object('', { 'content-length': String(16 * 1024 ** 2 + 1) });
    expect(await unavailable(driver([large], { timeout: 1 }).read('a')))
      .to.have.property('message')
      .that.contains('small');
  });

  it('a list that is not in byte order is refused, because pages would lose keys', async () => {
    const page = (...keys: readonly string[]): Answer => ({
      body: `<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('')}</ListBucketResult>`,
    });
    expect(await driver([page('p/a-b', 'p/a/b')]).list('p/', { limit: 5 })).to.deep.equal({
      keys: ['p/a-b', 'p/a/b'],
      more: false,
    });
    await unavailable(driver([page('p/a/b', 'p/a-b')]).list('p/', { limit: 5 }));
    await unavailable(driver([page('p/a')]).list('p/', { startAfter: 'p/a', limit: 5 }));
    expect(asked[2]?.url).to.contain('start-after=p%2Fa').and.to.contain('max-keys=5');
  });

  it('an error that Amazon gives in the body of a 200 is an error', async () => {
    const state = { id: 'u', mark: 'm', parts: 'XUFAKrxLKna5cZ2REBfFkg' };
    const failed = { body: error(200, 'InternalError').body ?? '' };
    await unavailable(driver([failed]).completeUpload({ key: 'a', offset: 5, parts: 1, state }, []));
    expect(asked[0]?.body).to.contain(`<ETag>${etag.replaceAll('"', '&quot;')}</ETag>`);
  });
});
