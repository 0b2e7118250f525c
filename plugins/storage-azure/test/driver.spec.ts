import {
  isStorageError,
  type LargeObject,
  type StorageDriver,
  type StorageErrorCode,
} from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { openDriver } from './open-driver.ts';
import { ScriptedAzure, type Received, type Scripted } from './scripted-azure.ts';

const text = (value: string): Uint8Array => Buffer.from(value);
const exists = { status: 409, code: 'BlobAlreadyExists' };
const busy = { status: 503, code: 'ServerBusy' };

describe('a driver for Azure', () => {
  let azure: ScriptedAzure;
  let driver: StorageDriver;
  let close = (): void => undefined;

  const answering = async (
    answer: (request: Received, number: number) => Scripted,
    options = {},
  ): Promise<void> => {
    azure = await ScriptedAzure.start(answer);
    const opened = openDriver({ ...azure.input, ...options });
    driver = opened.driver;
    close = () => opened.container.close();
  };
  afterEach(async () => {
    close();
    await azure.stop();
  });

  it('takes a write for its own when it is refused because of itself: the first answer was lost', async () => {
    await answering(({ method }, number) => {
      if (number === 0) return { breakOff: true };
      if (method !== 'HEAD') return exists;
      const id = String(azure.received[0]?.headers['x-ms-meta-entrepotid']);
      return { status: 200, headers: { etag: '"mine"', 'x-ms-meta-entrepotid': id } };
    });
    expect((await driver.write('a', text('1'), { ifAbsent: true })).etag).to.equal('"mine"');
    expect(azure.received.map(({ method }) => method)).to.deep.equal(['PUT', 'PUT', 'HEAD']);
  });

  it('does not know, and says so, when the answer was lost and another version is there', async () => {
    await answering(({ method }, number) => {
      if (number === 0) return { breakOff: true };
      if (method !== 'HEAD') return { status: 412, code: 'ConditionNotMet' };
      return { status: 200, headers: { etag: '"other"', 'x-ms-meta-entrepotid': 'other' } };
    });
    await refused(driver.write('a', text('1'), { ifMatch: '"old"' }), 'UNAVAILABLE');
  });

  it('looks for nothing when a write is refused at once', async () => {
    await answering(() => exists);
    await refused(driver.write('a', text('1'), { ifAbsent: true }), 'PRECONDITION_FAILED');
    expect(azure.received).to.have.lengthOf(1);
    expect(azure.received[0]?.headers).to.include({ 'if-none-match': '*' });
  });

  it('tries again when it is told to come later, as often as it may', async () => {
    await answering((_request, number) => (number < 2 ? busy : { status: 201, headers: { etag: '"1"' } }));
    expect((await driver.write('a', text('1'))).etag).to.equal('"1"');
    expect(azure.received).to.have.lengthOf(3);
  });

  it('is unavailable in the end', async () => {
    await answering(() => busy);
    await refused(driver.read('a'), 'UNAVAILABLE');
    expect(azure.received).to.have.lengthOf(3);
  });

  it('does not ask again for what is refused for good', async () => {
    await answering(() => ({ status: 403, code: 'AuthorizationFailure' }));
    await refused(driver.read('a'), 'UNAVAILABLE');
    expect(azure.received).to.have.lengthOf(1);
  });

  it('is unavailable when nothing comes for so long', async () => {
    await answering(() => ({ silence: true }), { timeout: 0.1, maxAttempts: 1 });
    await refused(driver.read('a'), 'UNAVAILABLE');
  });

  it('is full when Azure has no space', async () => {
    await answering(() => ({ status: 507, code: 'InsufficientStorage' }));
    await refused(driver.write('a', text('1')), 'NO_SPACE');
  });

  it('takes a blob for absent, but not a container that is missing', async () => {
    let code = 'BlobNotFound';
    await answering(() => ({ status: 404, code }));
    expect(await driver.read('a')).to.equal(undefined);
    expect(await driver.size('a')).to.equal(undefined);
    expect(await driver.open('a')).to.equal(undefined);
    await driver.delete('a');
    for (code of ['ContainerNotFound', '']) {
      for (const call of ['read', 'size', 'open', 'delete'] as const) {
        await refused(driver[call]('a'), 'UNAVAILABLE');
      }
    }
  });

  it('does not take a lease of somebody else for a condition of ours', async () => {
    await answering(() => ({ status: 412, code: 'LeaseIdMissing' }));
    await refused(driver.write('a', text('1'), { ifAbsent: true }), 'UNAVAILABLE');
  });

  it('goes on reading the same version where the connection broke off', async () => {
    const headers = { etag: '"1"', 'content-length': '10' };
    await answering((_request, number) =>
      number === 0
        ? { breakOff: true, headers, body: '01234' }
        : {
            status: 206,
            headers: { ...headers, 'content-length': '5', 'content-range': 'bytes 5-9/10' },
            body: '56789',
          },
    );
    const object = await driver.open('a');
    expect(await drain(object)).to.equal('0123456789');
    expect(azure.received[1]?.headers).to.include({ 'if-match': '"1"', 'x-ms-range': 'bytes=5-9' });
  });

  it('does not mix versions: one that was replaced meanwhile is unavailable', async () => {
    await answering((_request, number) =>
      number === 0
        ? { breakOff: true, headers: { etag: '"1"', 'content-length': '10' }, body: '01234' }
        : { status: 412, code: 'ConditionNotMet' },
    );
    const object = await driver.open('a');
    await refused(drain(object), 'UNAVAILABLE');
  });

  it('knows no upload whose blocks Azure has forgotten', async () => {
    await answering(({ method, path }) => {
      if (method === 'HEAD') return { status: 404, code: 'BlobNotFound' };
      return path.includes('comp=blocklist') ? { status: 400, code: 'InvalidBlockList' } : { status: 201 };
    });
    const state = await driver.createUpload('a');
    const upload = { key: 'a', offset: 0, parts: 0, state };
    await refused(driver.completeUpload(upload, [text('tail')]), 'UPLOAD_UNKNOWN');
  });

  it('knows that an upload is complete when the answer to the commit was lost', async () => {
    await answering(({ method, path }) => {
      if (method === 'HEAD') {
        const commit = azure.received.find((request) => request.path.includes('comp=blocklist'));
        const id = String(commit?.headers['x-ms-meta-entrepotid']);
        return { status: 200, headers: { etag: '"1"', 'content-length': '4', 'x-ms-meta-entrepotid': id } };
      }
      if (!path.includes('comp=blocklist')) return { status: 201 };
      const first = !azure.received.some((request) => request.path.includes('comp=blocklist'));
      return first ? { breakOff: true } : exists;
    });
    const state = await driver.createUpload('a');
    await driver.completeUpload({ key: 'a', offset: 0, parts: 0, state }, [text('tail')]);
  });

  it('commits under If-None-Match alone, so that what is complete is never replaced', async () => {
    await answering(() => ({ status: 201 }));
    const state = await driver.createUpload('a');
    await driver.completeUpload({ key: 'a', offset: 0, parts: 0, state }, [text('tail')]);
    await driver.abortUpload({ key: 'a', offset: 0, parts: 0, state });
    const commits = azure.received.filter(({ path }) => path.includes('comp=blocklist'));
    expect(commits.map(({ headers }) => headers['if-none-match'])).to.deep.equal(['*', '*']);
  });

  it('stages each attempt at a part as a block of its own, all ids of one length', async () => {
    await answering(() => ({ status: 201 }));
    const upload = { key: 'a', offset: 0, parts: 0, state: await driver.createUpload('a') };
    await driver.uploadPart(upload, [text('once')]);
    const state = await driver.uploadPart(upload, [text('twice')]);
    await driver.completeUpload({ key: 'a', offset: 5, parts: 1, state }, [text('tail')]);
    const [first, second, tail, commit] = azure.received;
    const ids = [first, second, tail].map((request) => blockIdOf(request));
    expect(new Set(ids)).to.have.lengthOf(3);
    expect(new Set(ids.map((id) => id.length))).to.have.lengthOf(1);
    expect(commit?.body).to.not.include(ids[0]);
    expect(commit?.body.indexOf(ids[1] ?? '')).to.be.within(1, commit?.body.indexOf(ids[2] ?? '') ?? 0);
  });

  it('lists no upload that was aborted, forgets it once no upload can be that old, and goes on for more', async () => {
    const now = new Date().toUTCString();
    const long = new Date(Date.now() - 61 * 24 * 3600 * 1000).toUTCString();
    const aborted = 'application/x-entrepot-aborted-upload';
    await answering(({ method, path }) => {
      if (method === 'HEAD') return { status: 200, headers: { etag: '"1"', 'content-type': aborted } };
      if (method === 'DELETE') return { status: 202 };
      return path.includes('marker=go-on')
        ? listing([['data/c', 'application/octet-stream', now]])
        : listing(
            [
              ['data/a', aborted, now],
              ['data/b', aborted, long],
            ],
            'go-on',
          );
    });
    expect(await driver.list('data/', { limit: 10 })).to.deep.equal({ keys: ['data/c'], more: false });
    const deleted = azure.received.filter(({ method }) => method === 'DELETE');
    expect(deleted.map(({ path }) => path)).to.deep.equal(['/c/data/b']);
    expect(deleted[0]?.headers).to.include({ 'if-match': '"1"' });
  });

  it('passes over blobs in the container that are none of its own', async () => {
    const now = new Date().toUTCString();
    await answering(() =>
      listing(['a', 'a!b', 'a.', 'b.!', 'c d', 'd/'].map((name) => [name, 'text/plain', now] as const)),
    );
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['a', 'b.'], more: false });
  });

  it('refuses to page through what is not in byte order', async () => {
    const now = new Date().toUTCString();
    await answering(() => listing(['b', 'a'].map((name) => [name, 'text/plain', now] as const)));
    await refused(driver.list('', { limit: 10 }), 'UNAVAILABLE');
  });
});

async function refused(call: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isStorageError(error, code), String(error)).to.equal(true);
}

async function drain(object: LargeObject | undefined): Promise<string> {
  let content = '';
  for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read()) {
    content += Buffer.from(chunk).toString();
  }
  return content;
}

function blockIdOf(request: Received | undefined): string {
  return new URL(request?.path ?? '', 'http://azure').searchParams.get('blockid') ?? '';
}

/** An answer to List Blobs with these names, content types and dates. */
function listing(blobs: readonly (readonly [string, string, string])[], next = ''): Scripted {
  const entries = blobs.map(
    ([name, type, date]) =>
      `<Blob><Name>${name}</Name><Properties><Last-Modified>${date}</Last-Modified><Etag>0x1</Etag>` +
      `<Content-Length>1</Content-Length><Content-Type>${type}</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>`,
  );
  const body = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>${entries.join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}
