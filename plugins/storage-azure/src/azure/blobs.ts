import { Readable } from 'node:stream';
import { isStorageKey, largestSmallObject, StorageError, type ByteRange } from '@entrepot/plugin-sdk';
import { collect, type Answer } from '@entrepot/plugin-sdk/buckets';
import { bodyOf } from './body.ts';
import { given, type Container } from './container.ts';

/** What is known of a blob without its bytes. */
export interface BlobHead {
  readonly etag: string;
  readonly size: number;
  /** Written with it, unlike any other; empty for a blob that something else has put into the container. */
  readonly id: string;
  readonly contentType: string;
}

export interface BlobBody extends BlobHead {
  readonly body: Readable;
  /** Bytes of the body, which may be a range of the blob. */
  readonly length: number;
}

/** One entry of a list. */
export interface ListedBlob {
  readonly key: string;
  readonly contentType: string;
  /** When it was written; milliseconds, by the clock of Azure. */
  readonly modified: number;
}

/** Under which condition a blob is written: there is none yet, or it is this version. */
export type Condition = 'absent' | { readonly etag: string } | undefined;

export interface BlobOptions {
  readonly condition: Condition;
  readonly id: string;
  readonly contentType?: string;
}

/** Metadata of a blob; names have to be identifiers. */
const ID = 'entrepotid';
const CONTENT_TYPE = 'application/octet-stream';
/** Milliseconds: putting thousands of blocks together may take longer than other requests. */
const COMMIT = 120_000;

/** The requests for blobs in a container. All are block blobs. */
export class Blobs {
  readonly #container: Container;

  constructor(container: Container) {
    this.#container = container;
  }

  /** Writes a small object whole, and gives its etag. */
  put(key: string, bytes: Uint8Array, options: BlobOptions): Promise<Answer<string, 'refused'>> {
    return this.#container.requests.send(
      `write ${key}`,
      async ({ signal, progress }) => {
        const { content, length } = bodyOf([bytes], progress);
        const answer = await this.#container
          .blob(key)
          .upload(content, length, { ...headersOf(options), abortSignal: signal });
        return given(answer.etag, 'ETag');
      },
      { expected: options.condition === undefined ? [] : ['refused'] },
    );
  }

  /** A small object, unless it is still version `known`. */
  read(
    key: string,
    known?: string,
  ): Promise<Answer<Omit<BlobHead, 'size'> & { readonly bytes: Uint8Array }, 'absent' | 'unchanged'>> {
    return this.#container.requests.send(
      `read ${key}`,
      async ({ signal, progress }) => {
        const answer = await this.#container.blob(key).download(0, undefined, {
          ...(known === undefined ? {} : { conditions: { ifNoneMatch: known } }),
          abortSignal: signal,
          maxRetryRequests: 0,
        });
        const body = readable(answer.readableStreamBody);
        const length = given(answer.contentLength, 'Content-Length');
        if (length > largestSmallObject) {
          body.destroy();
          throw new StorageError('UNAVAILABLE', `${key} has ${length} bytes; it is not a small object`);
        }
        return { ...headOf(answer), bytes: await collect(body, length, progress) };
      },
      { expected: ['absent', 'unchanged'] },
    );
  }

  /** What is known of a blob, or `undefined` when there is none. */
  async head(key: string): Promise<BlobHead | undefined> {
    const { value } = await this.#container.requests.send(
      `look at ${key}`,
      async ({ signal }) => {
        const answer = await this.#container.blob(key).getProperties({ abortSignal: signal });
        return { ...headOf(answer), size: given(answer.contentLength, 'Content-Length') };
      },
      { expected: ['absent'] },
    );
    return value;
  }

  /**
   * Opens a blob or one range of it, only in the version `etag` if that is given. `pastEnd` is a range that begins behind
   * the last byte.
   */
  open(
    key: string,
    range?: ByteRange,
    etag?: string,
  ): Promise<Answer<BlobBody, 'absent' | 'pastEnd' | 'refused'>> {
    return this.#container.requests.send(
      `open ${key}`,
      async ({ signal }) => {
        const [offset, count] = range === undefined ? [0, undefined] : [range.start, range.end - range.start];
        const answer = await this.#container.blobToRead(key).download(offset, count, {
          ...(etag === undefined ? {} : { conditions: { ifMatch: etag } }),
          abortSignal: signal,
          maxRetryRequests: 0,
        });
        const body = readable(answer.readableStreamBody);
        try {
          const length = given(answer.contentLength, 'Content-Length');
          const size = range === undefined ? length : totalOf(given(answer.contentRange, 'Content-Range'));
          return { ...headOf(answer), body, length, size };
        } catch (error) {
          body.destroy();
          throw error;
        }
      },
      { expected: ['absent', 'pastEnd', 'refused'] },
    );
  }

  /** Deletes a blob; with `etag`, only that version. Snapshots that somebody has made of it go with it. */
  delete(key: string, etag?: string): Promise<Answer<unknown, 'refused' | 'absent'>> {
    return this.#container.requests.send(
      `delete ${key}`,
      ({ signal }) =>
        this.#container.blob(key).delete({
          ...(etag === undefined ? {} : { conditions: { ifMatch: etag } }),
          deleteSnapshots: 'include',
          abortSignal: signal,
        }),
      { expected: etag === undefined ? ['absent'] : ['refused', 'absent'] },
    );
  }

  /** Deletes up to 256 blobs. Gives the keys that Azure has not deleted. */
  async deleteBatch(keys: readonly string[]): Promise<readonly string[]> {
    const blobs = keys.map((key) => this.#container.blob(key));
    const { value } = await this.#container.requests.send(`delete ${keys.length} blobs`, ({ signal }) =>
      this.#container.calls
        .getBlobBatchClient()
        .deleteBlobs(blobs, { deleteSnapshots: 'include', abortSignal: signal }),
    );
    const gone = new Set<string>();
    for (const { status, errorCode, _request: request } of value?.subResponses ?? [])
      if (status === 202 || errorCode === 'BlobNotFound') gone.add(request.url);
    return keys.filter((_, index) => !gone.has(blobs[index]?.url ?? ''));
  }

  /**
   * Up to `limit` blobs whose keys start with `prefix` and are not before `from`, in the order of Azure, which may stop
   * early: `next` is what to go on with then. What has no name of ours is passed over.
   */
  async list(
    prefix: string,
    { from, next, limit }: { readonly from: string; readonly next: string; readonly limit: number },
  ): Promise<{ readonly blobs: readonly ListedBlob[]; readonly next: string }> {
    const { names } = this.#container;
    const { value } = await this.#container.requests.send(`list ${prefix}`, async ({ signal }) => {
      const pages = this.#container.calls
        .listBlobsFlat({
          prefix: names.prefixOf(prefix),
          ...(from === '' ? {} : { startFrom: names.nameOf(from) }),
          abortSignal: signal,
        })
        .byPage({ maxPageSize: limit, ...(next === '' ? {} : { continuationToken: next }) });
      const page = await pages.next();
      return page.done === true ? undefined : page.value;
    });
    const blobs = (value?.segment.blobItems ?? []).flatMap(({ name, properties }) => {
      const key = names.keyOf(name);
      if (!isStorageKey(key) || names.nameOf(key) !== name) return [];
      const { contentType = '', lastModified } = properties;
      return [{ key, contentType, modified: lastModified.getTime() }];
    });
    return { blobs, next: value?.continuationToken ?? '' };
  }

  /** Adds a block that belongs to no blob yet. */
  async stage(key: string, block: string, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#container.requests.send(`upload a part of ${key}`, async ({ signal, progress }) => {
      const { content, length } = bodyOf(chunks, progress);
      await this.#container.blob(key).stageBlock(block, content, length, { abortSignal: signal });
    });
  }

  /** Makes a blob of these blocks, and of no others: those that were staged besides are dropped. */
  commit(
    key: string,
    blocks: readonly string[],
    options: BlobOptions,
  ): Promise<Answer<unknown, 'refused' | 'forgotten'>> {
    const { requests, patience } = this.#container;
    return requests.send(
      `complete ${key}`,
      ({ signal }) =>
        this.#container
          .blob(key)
          .commitBlockList([...blocks], { ...headersOf(options), abortSignal: signal }),
      { expected: ['refused', 'forgotten'], patience: Math.max(COMMIT, patience) },
    );
  }
}

function headersOf({ condition, id, contentType = CONTENT_TYPE }: BlobOptions): {
  readonly metadata: Record<string, string>;
  readonly blobHTTPHeaders: { readonly blobContentType: string };
  readonly conditions?: { readonly ifNoneMatch: string } | { readonly ifMatch: string };
} {
  const named = { metadata: { [ID]: id }, blobHTTPHeaders: { blobContentType: contentType } };
  if (condition === undefined) return named;
  return {
    ...named,
    conditions: condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: condition.etag },
  };
}

function headOf(answer: {
  readonly etag?: string;
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}): Omit<BlobHead, 'size'> {
  return {
    etag: given(answer.etag, 'ETag'),
    contentType: answer.contentType ?? '',
    id: answer.metadata?.[ID] ?? '',
  };
}

function readable(body: unknown): Readable {
  if (body instanceof Readable) return body;
  throw new StorageError('UNAVAILABLE', 'Azure answered without a body');
}

/** Bytes of the whole blob: what stands behind the slash of a Content-Range (RFC 9110, 14.4). */
function totalOf(contentRange: string): number {
  const total = Number(/^bytes \d+-\d+\/(\d+)$/.exec(contentRange)?.[1] ?? Number.NaN);
  if (Number.isSafeInteger(total)) return total;
  throw new StorageError('UNAVAILABLE', `Azure answered with a range that makes no sense: ${contentRange}`);
}
