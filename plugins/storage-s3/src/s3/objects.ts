import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { largestSmallObject, StorageError, type ByteRange } from '@entrepot/plugin-sdk';
import { collect, type Answer } from '@entrepot/plugin-sdk/buckets';
import { readMark, writeMark, type Mark } from '../mark.ts';
import { bodyOf, heldBody } from './body.ts';
import { given, type S3 } from './client.ts';

/** What is known of an object without its bytes. */
export interface ObjectHead {
  readonly etag: string;
  readonly size: number;
  readonly mark: Mark;
  /** When this version was written, and now, both by the backend's clock; milliseconds. */
  readonly modified: number;
  readonly now: number;
}

export interface ObjectBody extends Pick<ObjectHead, 'etag' | 'size' | 'mark'> {
  readonly body: Readable;
  /** Bytes of the body, which may be a range of the object. */
  readonly length: number;
}

/** Under which condition an object is written: there is none yet, or it is this version. */
export type Condition = 'absent' | { readonly etag: string } | undefined;

/** Below this size the colder storage classes cost more than STANDARD ("Amazon S3 pricing", minimum billable size). */
const SMALLEST_COLD = 128 * 1024;

/** The requests for objects in a bucket. */
export class Objects {
  readonly #s3: S3;

  constructor(s3: S3) {
    this.#s3 = s3;
  }

  /**
   * Writes a small object. Whether `refused` or `absent` is said where `If-Match` names a missing key is up to the backend.
   * @param hold The last byte is kept back until it has resolved, and there is one attempt: a test of backends.
   */
  put(
    key: string,
    bytes: Uint8Array,
    { condition, mark }: { readonly condition: Condition; readonly mark: Mark },
    hold?: () => Promise<void>,
  ): Promise<Answer<{ readonly etag: string; readonly at: number }, 'refused' | 'absent'>> {
    return this.#s3.requests.send(
      `write ${key}`,
      async ({ signal, progress }) => {
        const { body, length } = hold === undefined ? bodyOf([bytes], progress) : heldBody(bytes, hold);
        const output = await this.#s3.calls.send(
          new PutObjectCommand({
            ...this.#s3.at(key),
            ...this.#s3.encryption,
            ...(length < SMALLEST_COLD ? {} : this.#s3.storageClass),
            Body: body,
            ContentLength: length,
            Metadata: writeMark(mark),
            ...(condition === 'absent' ? { IfNoneMatch: '*' } : {}),
            ...(typeof condition === 'object' ? { IfMatch: this.#s3.quoted(condition.etag) } : {}),
          }),
          { abortSignal: signal },
        );
        return { etag: given(output.ETag, 'ETag'), at: this.#s3.answeredAt(output) };
      },
      {
        expected: ['refused', 'absent'],
        bytes: bytes.length,
        ...(hold === undefined ? {} : { attempts: 1 }),
      },
    );
  }

  /** A small object, unless it is still version `known`. */
  read(
    key: string,
    known?: string,
  ): Promise<
    Answer<Pick<ObjectHead, 'etag' | 'mark'> & { readonly bytes: Uint8Array }, 'absent' | 'unchanged'>
  > {
    return this.#s3.requests.send(
      `read ${key}`,
      async ({ signal, progress }) => {
        const output = await this.#s3.calls.send(
          new GetObjectCommand({
            ...this.#s3.at(key),
            ...(known === undefined ? {} : { IfNoneMatch: this.#s3.quoted(known) }),
          }),
          { abortSignal: signal },
        );
        const body = readable(output.Body);
        const length = given(output.ContentLength, 'Content-Length');
        if (length > largestSmallObject) {
          body.destroy();
          throw new StorageError('UNAVAILABLE', `${key} has ${length} bytes; it is not a small object`);
        }
        const bytes = await collect(body, length, progress);
        return { bytes, etag: given(output.ETag, 'ETag'), mark: readMark(output.Metadata) };
      },
      { expected: ['absent', 'unchanged'] },
    );
  }

  /** What is known of an object, or `undefined` when there is none. */
  async head(key: string): Promise<ObjectHead | undefined> {
    for (;;) {
      const answer = await this.#s3.requests.send(
        `look at ${key}`,
        async ({ signal }) => {
          const output = await this.#s3.calls.send(new HeadObjectCommand(this.#s3.at(key)), {
            abortSignal: signal,
          });
          return {
            etag: given(output.ETag, 'ETag'),
            size: given(output.ContentLength, 'Content-Length'),
            mark: readMark(output.Metadata),
            modified: given(output.LastModified, 'Last-Modified').getTime(),
            now: this.#s3.answeredAt(output),
          };
        },
        { expected: ['missing'] },
      );
      if (answer.outcome === undefined) return answer.value;
      // Only the body of a GET tells whether it is the object that is missing, or the bucket, which is an error.
      const seen = await this.open(key, { start: 0, end: 1 });
      if (seen.outcome === 'absent') return undefined;
      seen.value?.body.destroy();
    }
  }

  /**
   * Opens an object or one range of it, only in the version `etag` if that is given. An object is `absent` also when a
   * part of its name is one, and `pastEnd` when the range begins behind its last byte.
   */
  open(
    key: string,
    range?: ByteRange,
    etag?: string,
  ): Promise<Answer<ObjectBody, 'absent' | 'pastEnd' | 'refused'>> {
    return this.#s3.requests.send(
      `open ${key}`,
      async ({ signal }) => {
        const output = await this.#s3.reads.send(
          new GetObjectCommand({
            ...this.#s3.at(key),
            ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
            ...(etag === undefined ? {} : { IfMatch: this.#s3.quoted(etag) }),
          }),
          { abortSignal: signal },
        );
        const body = readable(output.Body);
        try {
          const length = given(output.ContentLength, 'Content-Length');
          const size = range === undefined ? length : totalOf(given(output.ContentRange, 'Content-Range'));
          return { body, length, size, etag: given(output.ETag, 'ETag'), mark: readMark(output.Metadata) };
        } catch (error) {
          body.destroy();
          throw error;
        }
      },
      { expected: ['absent', 'pastEnd', 'refused'] },
    );
  }

  /** Deletes an object; with `etag`, on backends that can, only that version. */
  delete(key: string, etag?: string): Promise<Answer<unknown, 'refused' | 'absent'>> {
    return this.#s3.requests.send(
      `delete ${key}`,
      ({ signal }) =>
        this.#s3.calls.send(
          new DeleteObjectCommand({
            ...this.#s3.at(key),
            ...(etag === undefined ? {} : { IfMatch: this.#s3.quoted(etag) }),
          }),
          { abortSignal: signal },
        ),
      { expected: ['refused', 'absent'] },
    );
  }

  /** Deletes up to 1000 objects. Gives the keys that S3 has not deleted. */
  async deleteBatch(keys: readonly string[]): Promise<readonly string[]> {
    const { bucket, prefix } = this.#s3;
    const { value } = await this.#s3.requests.send(`delete ${keys.length} objects`, ({ signal }) =>
      this.#s3.calls.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Objects: keys.map((key) => ({ Key: prefix + key })), Quiet: true },
        }),
        { abortSignal: signal },
      ),
    );
    const failed = new Set(value?.Errors?.map(({ Key }) => Key));
    return keys.filter((key) => failed.has(prefix + key));
  }

  /**
   * Deletes whatever is under the key, but not later than `seconds` after `at`, which is a time of the backend's clock
   * in milliseconds: the backend itself refuses the request from then on. It is sent once, and not again.
   */
  async deleteWithin(key: string, at: number, seconds: number): Promise<void> {
    const url = await getSignedUrl(this.#s3.calls, new DeleteObjectCommand(this.#s3.at(key)), {
      signingDate: new Date(at),
      expiresIn: seconds,
    });
    const status = await this.#s3.connections.deleteOnce(url, AbortSignal.timeout(this.#s3.patience));
    if (status >= 300) throw new StorageError('UNAVAILABLE', `S3 did not delete ${key}: ${status}`);
  }

  /** A URL that lets anybody GET the object for so many seconds, or for as long as credentials last that expire before. */
  sign(key: string, seconds: number): Promise<string> {
    return getSignedUrl(this.#s3.reads, new GetObjectCommand(this.#s3.at(key)), { expiresIn: seconds });
  }

  /** Objects whose keys start with `prefix` and come after `startAfter`, in the order of the backend. */
  async list(
    prefix: string,
    startAfter: string,
    limit: number,
  ): Promise<{ readonly objects: readonly { key: string; size: number }[]; readonly more: boolean }> {
    const { prefix: root, bucket } = this.#s3;
    const { value } = await this.#s3.requests.send(`list ${prefix}`, ({ signal }) =>
      this.#s3.calls.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: root + prefix,
          MaxKeys: limit,
          ...(startAfter === '' ? {} : { StartAfter: root + startAfter }),
        }),
        { abortSignal: signal },
      ),
    );
    const objects = (value?.Contents ?? []).map(({ Key, Size }) => ({
      key: given(Key, 'Key').slice(root.length),
      size: given(Size, 'Size'),
    }));
    return { objects, more: value?.IsTruncated ?? false };
  }
}

function readable(body: unknown): Readable {
  if (body instanceof Readable) return body;
  throw new StorageError('UNAVAILABLE', 'S3 answered without a body');
}

/** Bytes of the whole object: what stands behind the slash of a Content-Range (RFC 9110, 14.4). */
function totalOf(contentRange: string): number {
  const total = Number(/^bytes \d+-\d+\/(\d+)$/.exec(contentRange)?.[1] ?? Number.NaN);
  if (Number.isSafeInteger(total)) return total;
  throw new StorageError('UNAVAILABLE', `S3 answered with a range that makes no sense: ${contentRange}`);
}
