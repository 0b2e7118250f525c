import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { type Answer } from '@entrepot/plugin-sdk/buckets';
import { lengthOf, type ByteRange } from '@entrepot/plugin-sdk';
import { writeMark, type Mark } from '../mark.ts';
import { bodyOf } from './body.ts';
import { given, type S3 } from './client.ts';
import { outcomeOf } from './outcomes.ts';

/** A part that has been uploaded. */
export interface Part {
  readonly etag: string;
  /** Base64; there when checksums travel with all bytes, and demanded back then. */
  readonly crc32?: string;
}

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
          ...(this.#s3.sendsChecksums ? { ChecksumAlgorithm: 'CRC32' } : {}),
          Metadata: writeMark(mark),
        }),
        { abortSignal: signal },
      ),
    );
    return given(value?.UploadId, 'UploadId');
  }

  /** Uploads part `number`, counted from 1, in place of the one that may be there. */
  async uploadPart(key: string, id: string, number: number, chunks: readonly Uint8Array[]): Promise<Part> {
    const bytes = lengthOf(chunks);
    const { value } = await this.#s3.requests.send(
      `upload part ${number} of ${key}`,
      async ({ signal, progress }) => {
        const { body, length } = bodyOf(chunks, progress);
        const input = {
          ...this.#s3.at(key),
          UploadId: id,
          PartNumber: number,
          Body: body,
          ContentLength: length,
        };
        try {
          return await this.#s3.calls.send(new UploadPartCommand(input), { abortSignal: signal });
        } catch (error) {
          // Who refuses a part often hangs up before it has been sent, and before the reason has been read.
          if (outcomeOf(error) === 'unknown') await this.#assertKnown(key, id, signal);
          throw error;
        }
      },
      { bytes },
    );
    return partOf(value);
  }

  /** Makes an object of the parts of an upload: of its first ones, if there are more. */
  complete(key: string, id: string, parts: readonly Part[]): Promise<Answer<unknown, 'forgotten'>> {
    const Parts = parts.map(({ etag, crc32 }, index) => ({
      PartNumber: index + 1,
      ETag: etag,
      ...(crc32 === undefined ? {} : { ChecksumCRC32: crc32 }),
    }));
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
   * All parts that the backend has, in order.
   * @throws StorageError `UPLOAD_UNKNOWN`
   */
  async list(key: string, id: string): Promise<Part[]> {
    const parts: Part[] = [];
    for (let marker = '0'; ;) {
      const { value } = await this.#s3.requests.send(`list the parts of ${key}`, ({ signal }) =>
        this.#s3.calls.send(
          new ListPartsCommand({ ...this.#s3.at(key), UploadId: id, PartNumberMarker: marker }),
          { abortSignal: signal },
        ),
      );
      parts.push(...(value?.Parts ?? []).map(partOf));
      if (value?.IsTruncated !== true) return parts;
      marker = given(value.NextPartNumberMarker, 'NextPartNumberMarker');
    }
  }

  /** Makes a range of the object that is under the key now a part of an upload that is to replace it. */
  async copyPart(key: string, id: string, number: number, { start, end }: ByteRange): Promise<Part> {
    const { Bucket, Key } = this.#s3.at(key);
    const source = { CopySource: `${Bucket}/${Key}`, CopySourceRange: `bytes=${start}-${end - 1}` };
    const { value } = await this.#s3.requests.send(
      `copy part ${number} of ${key}`,
      ({ signal }) =>
        this.#s3.calls.send(
          new UploadPartCopyCommand({ Bucket, Key, UploadId: id, PartNumber: number, ...source }),
          { abortSignal: signal },
        ),
      { patience: Math.max(COMPLETION, this.#s3.patience) },
    );
    return partOf(value?.CopyPartResult);
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

  /** @throws what the backend says when it does not know the upload. */
  async #assertKnown(key: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#s3.calls.send(new ListPartsCommand({ ...this.#s3.at(key), UploadId: id, MaxParts: 1 }), {
      abortSignal: signal,
    });
  }
}

function partOf(
  answer: { readonly ETag?: string | undefined; readonly ChecksumCRC32?: string | undefined } | undefined,
): Part {
  const { ETag, ChecksumCRC32: crc32 } = answer ?? {};
  return { etag: given(ETag, 'ETag'), ...(crc32 === undefined ? {} : { crc32 }) };
}
