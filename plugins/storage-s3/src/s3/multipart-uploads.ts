import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ByteRange } from '@entrepot/plugin-sdk';
import { writeMark, type Mark } from '../mark.ts';
import { bodyOf } from './body.ts';
import { given, type S3 } from './client.ts';
import type { Answer } from './requests.ts';

/** Milliseconds: putting thousands of parts together takes S3 minutes ("CompleteMultipartUpload"). */
const COMPLETION = 300_000;

/** The requests for multipart uploads to a bucket. */
export class MultipartUploads {
  readonly #s3: S3;

  constructor(s3: S3) {
    this.#s3 = s3;
  }

  /** Begins a multipart upload and gives its id. An id whose answer is lost leaves an upload for the lifecycle rule. */
  async create(key: string, mark: Mark): Promise<string> {
    const { value } = await this.#s3.requests.send(`begin an upload of ${key}`, ({ signal }) =>
      this.#s3.calls.send(
        new CreateMultipartUploadCommand({
          ...this.#s3.at(key),
          ...this.#s3.encryption,
          ...this.#s3.storageClass,
          ...(this.#s3.sendsChecksums ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } : {}),
          Metadata: writeMark(mark),
        }),
        { abortSignal: signal },
      ),
    );
    return given(value?.UploadId, 'UploadId');
  }

  /** Uploads part `number`, counted from 1, in place of the one that may be there, and gives its etag. */
  async uploadPart(key: string, id: string, number: number, chunks: readonly Uint8Array[]): Promise<string> {
    const { value } = await this.#s3.requests.send(
      `upload part ${number} of ${key}`,
      ({ signal, progress }) => {
        const { body, length } = bodyOf(chunks, progress);
        return this.#s3.calls.send(
          new UploadPartCommand({
            ...this.#s3.at(key),
            UploadId: id,
            PartNumber: number,
            Body: body,
            ContentLength: length,
          }),
          { abortSignal: signal },
        );
      },
    );
    return given(value?.ETag, 'ETag');
  }

  /** Makes an object of the first parts of an upload, one for each of `etags`. */
  complete(key: string, id: string, etags: readonly string[]): Promise<Answer<unknown, 'forgotten'>> {
    const Parts = etags.map((ETag, index) => ({ PartNumber: index + 1, ETag }));
    return this.#s3.requests.send(
      `complete ${key}`,
      ({ signal }) =>
        this.#s3.calls.send(
          new CompleteMultipartUploadCommand({
            ...this.#s3.at(key),
            UploadId: id,
            MultipartUpload: { Parts },
          }),
          { abortSignal: signal },
        ),
      { expected: ['forgotten'], patience: Math.max(COMPLETION, this.#s3.patience) },
    );
  }

  /**
   * The etags of all parts that the backend has, in order.
   * @throws StorageError `UPLOAD_UNKNOWN`
   */
  async list(key: string, id: string): Promise<string[]> {
    const etags: string[] = [];
    for (let marker = '0'; ;) {
      const { value } = await this.#s3.requests.send(`list the parts of ${key}`, ({ signal }) =>
        this.#s3.calls.send(
          new ListPartsCommand({ ...this.#s3.at(key), UploadId: id, PartNumberMarker: marker }),
          { abortSignal: signal },
        ),
      );
      for (const { PartNumber, ETag } of value?.Parts ?? [])
        etags[given(PartNumber, 'PartNumber') - 1] = given(ETag, 'ETag');
      if (value?.IsTruncated !== true) return etags;
      marker = given(value.NextPartNumberMarker, 'NextPartNumberMarker');
    }
  }

  /** Makes a range of the object that is under the key now a part of an upload to replace it, and gives its etag. */
  async copyPart(key: string, id: string, number: number, { start, end }: ByteRange): Promise<string> {
    const { Bucket, Key } = this.#s3.at(key);
    const { value } = await this.#s3.requests.send(
      `copy part ${number} of ${key}`,
      ({ signal }) =>
        this.#s3.calls.send(
          new UploadPartCopyCommand({
            Bucket,
            Key,
            UploadId: id,
            PartNumber: number,
            CopySource: `${Bucket}/${Key}`,
            CopySourceRange: `bytes=${start}-${end - 1}`,
          }),
          { abortSignal: signal },
        ),
      { patience: Math.max(COMPLETION, this.#s3.patience) },
    );
    return given(value?.CopyPartResult?.ETag, 'ETag');
  }

  async abort(key: string, id: string): Promise<void> {
    await this.#s3.requests.send(
      `abort the upload of ${key}`,
      ({ signal }) =>
        this.#s3.calls.send(new AbortMultipartUploadCommand({ ...this.#s3.at(key), UploadId: id }), {
          abortSignal: signal,
        }),
      { expected: ['forgotten'] },
    );
  }
}
