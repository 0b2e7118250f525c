import { createHash, type Hash } from 'node:crypto';
import {
  largestSmallObject,
  lengthOf,
  type StorageDriver,
  type Upload,
  type UploadState,
} from '@entrepot/plugin-sdk';
import { finishDigest, type Algorithm } from '../digest.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';

/** Bytes gathered before they go to the driver, unless a part of the driver has to be longer. */
const FLUSH = 1024 * 1024;
/** Once so many pieces are held, those shorter than so many bytes are gathered in blocks: each takes memory of its own. */
const MANY = 64;
const SMALL = 4 * 1024;
const BLOCK = 64 * 1024;

/** How long the first part of an upload becomes, in bytes: an upload holds two like that at most. */
export function firstPartBytes(driver: StorageDriver): number {
  const part = driver.partSize(0);
  return Math.ceil(FLUSH / part) * part;
}

/** How far the bytes have come that are with the driver: what a session keeps of a writer. */
export interface WriterPosition {
  /** Storage key the bytes go to. */
  readonly data: string;
  readonly parts: number;
  /** Bytes with the driver. */
  readonly partsEnd: number;
  /** The driver's own; `undefined` until the first part. */
  readonly state: UploadState | undefined;
}

/**
 * Takes a blob's bytes in order, hashes them as they come, cuts them into parts as the driver wants them, and hands
 * each part over while the next one gathers. It holds no more than two parts in memory.
 */
export class BlobWriter {
  readonly #driver: StorageDriver;
  readonly #algorithm: Algorithm;
  readonly #hash: Hash | undefined;
  #position: WriterPosition;
  #held: Uint8Array[] = [];
  /** What `#gather` fills, and how far it has. */
  #block: Buffer | undefined;
  #blockEnd = 0;
  #heldBytes = 0;
  #sendingBytes = 0;
  /** The part on its way to the driver. */
  #sending: Promise<void> = Promise.resolve();

  /** `hash` has seen every byte so far; without one, nobody vouches for the digest. */
  constructor(driver: StorageDriver, algorithm: Algorithm, position: WriterPosition, hash: Hash | undefined) {
    this.#driver = driver;
    this.#algorithm = algorithm;
    this.#position = position;
    this.#hash = hash;
  }

  /** A writer for a new blob under the key `data`. */
  static begin(driver: StorageDriver, algorithm: Algorithm, data: string): BlobWriter {
    return new BlobWriter(
      driver,
      algorithm,
      { data, parts: 0, partsEnd: 0, state: undefined },
      createHash(algorithm),
    );
  }

  /** Bytes taken so far. */
  get offset(): number {
    return this.#position.partsEnd + this.#sendingBytes + this.#heldBytes;
  }

  /** How far the driver has got. */
  get position(): WriterPosition {
    return this.#position;
  }

  /** The hash of all bytes taken so far, to go on with; `undefined` when nobody vouches for it. */
  get hash(): Hash | undefined {
    return this.#hash;
  }

  /** All bytes taken so far, as long as none has gone to the driver. */
  get whole(): Buffer | undefined {
    return this.#position.state === undefined && this.#sendingBytes === 0 ? joined(this.#held) : undefined;
  }

  /** The digest of all bytes taken so far; `undefined` when nobody vouches for it. */
  digest(): string | undefined {
    return this.#hash === undefined ? undefined : finishDigest(this.#hash.copy(), this.#algorithm);
  }

  /** Takes more bytes; they are the writer's from now on. Resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#hash?.update(chunk);
    this.#hold(chunk);
    if (this.#heldBytes < FLUSH) return;
    const whole = this.#wholeBytes();
    if (whole > 0) await this.#send(whole);
  }

  /** Takes bytes that have been hashed before: the tail of a session. */
  restore(tail: Uint8Array): void {
    this.#hold(tail);
  }

  /** Hands over all that makes whole parts and gives what remains: the session's tail. */
  async pause(): Promise<Buffer> {
    await this.#sending;
    const whole = this.#heldBytes - (this.#heldBytes % this.#partSize());
    if (whole > 0) await this.#send(whole);
    await this.#sending;
    return joined(this.#held);
  }

  /**
   * Makes the blob visible and durable, and gives the storage key it has. One that never filled a part is written at
   * once and, unless it is too large for that, never becomes an upload at all: it gets a key of its own, so that nobody
   * who thinks the session his, or finishes it again, writes over it.
   */
  async complete(): Promise<string> {
    await this.#sending;
    const { data, state } = this.#position;
    const last = this.#take(this.#heldBytes);
    if (state !== undefined) {
      await this.#driver.completeUpload(this.#upload(state), last);
      return data;
    }
    const own = keys.data(newId());
    if (lengthOf(last) <= largestSmallObject) await this.#driver.write(own, joined(last));
    else {
      const upload = { key: own, offset: 0, parts: 0, state: await this.#driver.createUpload(own) };
      await this.#driver.completeUpload(upload, last);
    }
    return own;
  }

  /** Waits until nothing is on its way to the driver, whatever has become of it. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#sending]);
  }

  /** Gives the space back, once what is on its way has settled. */
  async abort(): Promise<void> {
    await this.settle();
    if (this.#position.state !== undefined)
      await this.#driver.abortUpload(this.#upload(this.#position.state));
  }

  #upload(state: UploadState): Upload {
    const { data, partsEnd, parts } = this.#position;
    return { key: data, offset: partsEnd, parts, state };
  }

  #partSize(): number {
    return this.#driver.partSize(this.#position.partsEnd + this.#sendingBytes);
  }

  /**
   * How many of the bytes held can go to the driver now. Where its parts may be short, they end at whole multiples of
   * {@link FLUSH}: disks take those without copying.
   */
  #wholeBytes(): number {
    const part = this.#partSize();
    if (FLUSH % part !== 0) return this.#heldBytes - (this.#heldBytes % part);
    return this.#heldBytes - (this.offset % FLUSH);
  }

  #hold(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (chunk.length < SMALL && this.#held.length >= MANY) this.#gather(chunk);
    else this.#held.push(chunk);
    this.#heldBytes += chunk.length;
  }

  /** Copies a small piece behind the one before it, into a block that has room for many. */
  #gather(piece: Uint8Array): void {
    if (this.#block === undefined || this.#blockEnd + piece.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#blockEnd = 0;
    }
    const { buffer } = this.#block;
    const last = this.#held.at(-1);
    const isBehind = last?.buffer === buffer && last.byteOffset + last.length === this.#blockEnd;
    const start = isBehind ? last.byteOffset : this.#blockEnd;
    this.#block.set(piece, this.#blockEnd);
    this.#blockEnd += piece.length;
    if (isBehind) this.#held.pop();
    this.#held.push(this.#block.subarray(start, this.#blockEnd));
  }

  /** Takes the first `length` of the bytes held. */
  #take(length: number): Uint8Array[] {
    if (length === this.#heldBytes) {
      const all = this.#held;
      this.#held = [];
      this.#heldBytes = 0;
      return all;
    }
    let missing = length;
    let count = 0;
    for (
      let next = this.#held[count];
      next !== undefined && next.length <= missing;
      next = this.#held[count]
    ) {
      missing -= next.length;
      count += 1;
    }
    const taken = this.#held.splice(0, count);
    const [split] = this.#held;
    if (split !== undefined && missing > 0) {
      // Each half has memory of its own, so that it can be freed with its part.
      taken.push(new Uint8Array(split.subarray(0, missing)));
      this.#held[0] = new Uint8Array(split.subarray(missing));
      giveBack(split);
    }
    this.#heldBytes -= length;
    return taken;
  }

  /** Starts to hand over the first `length` bytes held, once the part before them has arrived. */
  async #send(length: number): Promise<void> {
    await this.#sending;
    const part = this.#take(length);
    this.#sendingBytes = length;
    this.#sending = this.#uploadPart(part, length);
    // If it fails, the next call says so: until then nobody waits for it.
    void Promise.allSettled([this.#sending]);
  }

  async #uploadPart(part: readonly Uint8Array[], length: number): Promise<void> {
    let { state } = this.#position;
    if (state === undefined) {
      state = await this.#driver.createUpload(this.#position.data);
      this.#position = { ...this.#position, state };
    }
    state = await this.#driver.uploadPart(this.#upload(state), part);
    part.forEach(giveBack);
    const { data, parts, partsEnd } = this.#position;
    this.#sendingBytes = 0;
    this.#position = { data, parts: parts + 1, partsEnd: partsEnd + length, state };
  }
}

/**
 * Frees the memory of a chunk the driver has taken, now and not when garbage is collected next: gigabytes go through
 * here in pieces of 64 KiB. A chunk that is a view of something larger is left to the collector.
 */
function giveBack(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length) buffer.transfer(0);
}

function joined(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks;
  if (chunks.length !== 1 || first === undefined) return Buffer.concat(chunks);
  return Buffer.from(first.buffer, first.byteOffset, first.length);
}
