import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { largestSmallObject, lengthOf, StorageError, type ByteRange } from '@entrepot/plugin-sdk';
import { collect, streamOf, type Answer } from '@entrepot/plugin-sdk/buckets';
import {
  headOf,
  ID,
  identityOf,
  lengthIn,
  listingOf,
  totalIn,
  type Listing,
  type ObjectHead,
} from './answers.ts';
import type { Bucket } from './bucket.ts';

export interface ObjectBody extends Omit<ObjectHead, 'id'> {
  readonly body: Readable;
  /** Bytes of the body, which may be a range of the object. */
  readonly length: number;
}

/** Under which condition an object is written: there is none yet, or it is this generation. */
export type Condition = 'absent' | { readonly generation: string } | undefined;

export interface ObjectOptions {
  readonly condition: Condition;
  readonly id: string;
  readonly contentType?: string;
}

const CONTENT_TYPE = 'application/octet-stream';
const HEAD = 'generation,size,contentType,metadata';
/** Milliseconds: putting objects together may take longer than other requests. */
const COMPOSE = 120_000;

/** The requests for objects in a bucket, by their names. */
export class Objects {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Writes an object whole. */
  put(
    name: string,
    chunks: readonly Uint8Array[],
    { condition, id, contentType = CONTENT_TYPE }: ObjectOptions,
  ): Promise<Answer<ObjectHead, 'refused'>> {
    const boundary = `entrepot-${randomBytes(18).toString('hex')}`;
    const metadata = JSON.stringify({ contentType, metadata: { [ID]: id } });
    const parts = [
      Buffer.from(`--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${metadata}\r\n`),
      Buffer.from(`--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`),
      ...chunks,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ];
    return this.#bucket.requests.send(
      `write ${name}`,
      async ({ signal, progress }) =>
        headOf(
          await this.#bucket.json({
            method: 'POST',
            way: 'upload',
            path: 'o',
            query: { uploadType: 'multipart', name, fields: HEAD, ...matching(condition) },
            headers: {
              'content-type': `multipart/related; boundary=${boundary}`,
              'content-length': String(lengthOf(parts)),
            },
            body: streamOf(parts, progress),
            signal,
          }),
        ),
      { expected: condition === undefined ? [] : ['refused'] },
    );
  }

  /** A small object, unless it is still generation `known`. */
  read(
    name: string,
    known?: string,
  ): Promise<
    Answer<Omit<ObjectHead, 'id' | 'size'> & { readonly bytes: Uint8Array }, 'absent' | 'unchanged'>
  > {
    return this.#bucket.requests.send(
      `read ${name}`,
      async ({ signal, progress }) => {
        const response = await this.#bucket.send({
          method: 'GET',
          path: pathOf(name),
          query: { alt: 'media', ...(known === undefined ? {} : { ifGenerationNotMatch: known }) },
          signal,
        });
        const length = lengthIn(response);
        if (length > largestSmallObject) {
          response.destroy();
          throw new StorageError('UNAVAILABLE', `${name} has ${length} bytes; it is not a small object`);
        }
        return { ...identityOf(response), bytes: await collect(response, length, progress) };
      },
      { expected: ['absent', 'unchanged'] },
    );
  }

  /** What is known of an object, or `undefined` when there is none. */
  async head(name: string): Promise<ObjectHead | undefined> {
    const { value } = await this.#bucket.requests.send(
      `look at ${name}`,
      async ({ signal }) =>
        headOf(
          await this.#bucket.json({ method: 'GET', path: pathOf(name), query: { fields: HEAD }, signal }),
        ),
      { expected: ['absent'] },
    );
    return value;
  }

  /**
   * Opens an object or one range of it, only in this generation if one is given. `pastEnd` is a range that begins behind
   * the last byte.
   */
  open(
    name: string,
    range?: ByteRange,
    generation?: string,
  ): Promise<Answer<ObjectBody, 'absent' | 'pastEnd' | 'refused'>> {
    return this.#bucket.requests.send(
      `open ${name}`,
      async ({ signal }) => {
        const response = await this.#bucket.send({
          method: 'GET',
          way: 'download',
          path: pathOf(name),
          query: { alt: 'media', ...(generation === undefined ? {} : { ifGenerationMatch: generation }) },
          ...(range === undefined ? {} : { headers: { range: `bytes=${range.start}-${range.end - 1}` } }),
          signal,
        });
        try {
          const length = lengthIn(response);
          const size = range === undefined ? length : totalIn(response);
          return { ...identityOf(response), body: response, length, size };
        } catch (error) {
          response.destroy();
          throw error;
        }
      },
      { expected: ['absent', 'pastEnd', 'refused'] },
    );
  }

  /** Deletes an object; with a generation, only that. */
  delete(name: string, generation?: string): Promise<Answer<unknown, 'refused' | 'absent'>> {
    const condition = generation === undefined ? undefined : { generation };
    return this.#bucket.requests.send(
      `delete ${name}`,
      ({ signal }) =>
        this.#bucket.json({ method: 'DELETE', path: pathOf(name), query: matching(condition), signal }),
      {
        expected: condition === undefined ? ['absent'] : ['refused', 'absent'],
      },
    );
  }

  /**
   * Up to `limit` objects whose names start with `prefix` and are not before `offset`, in the order of Google, which may
   * stop early: `next` is what to go on with then.
   */
  async list(
    prefix: string,
    { offset, next, limit }: { readonly offset: string; readonly next: string; readonly limit: number },
  ): Promise<Listing> {
    const { value } = await this.#bucket.requests.send(`list ${prefix}`, ({ signal }) =>
      this.#bucket.json({
        method: 'GET',
        path: 'o',
        query: {
          prefix,
          startOffset: offset,
          maxResults: String(limit),
          fields: 'items(name,contentType,updated),nextPageToken',
          ...(next === '' ? {} : { pageToken: next }),
        },
        signal,
      }),
    );
    return listingOf(value);
  }

  /** Makes an object of the bytes of others, 32 at most, which stay as they are. `absent` is that one of them is gone. */
  compose(
    name: string,
    sources: readonly string[],
    { condition, id, contentType = CONTENT_TYPE }: ObjectOptions,
  ): Promise<Answer<ObjectHead, 'refused' | 'absent'>> {
    const request = JSON.stringify({
      sourceObjects: sources.map((source) => ({ name: source })),
      destination: { contentType, metadata: { [ID]: id } },
    });
    const { requests, patience } = this.#bucket;
    return requests.send(
      `complete ${name}`,
      async ({ signal }) =>
        headOf(
          await this.#bucket.json({
            method: 'POST',
            path: `${pathOf(name)}/compose`,
            query: { fields: HEAD, ...matching(condition) },
            headers: { 'content-type': 'application/json', 'content-length': String(request.length) },
            body: Readable.from([Buffer.from(request)], { objectMode: false }),
            signal,
          }),
        ),
      {
        expected: condition === undefined ? ['absent'] : ['refused', 'absent'],
        patience: Math.max(COMPOSE, patience),
      },
    );
  }
}

function pathOf(name: string): string {
  return `o/${encodeURIComponent(name)}`;
}

function matching(condition: Condition): Record<string, string> {
  if (condition === undefined) return {};
  return { ifGenerationMatch: condition === 'absent' ? '0' : condition.generation };
}
