import { setImmediate } from 'node:timers/promises';
import {
  isStorageError,
  type ByteRange,
  type LargeObject,
  type ListOptions,
  type ListPage,
  type SmallObject,
  type StorageDriver,
  type Upload,
  type WriteOptions,
} from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { TimeLimitedDriver } from '../../core/src/store/time-limited-driver.ts';

const limits = { call: 20, perByte: 0, completion: 40, whileDead: 5 };

describe('Storage that does not answer', () => {
  let slow: SlowDriver;
  let driver: StorageDriver;
  beforeEach(() => {
    slow = new SlowDriver(new Memory(1024 ** 2));
    driver = new TimeLimitedDriver(slow, limits);
  });

  it('is UNAVAILABLE for every call, never absent', async () => {
    await driver.write('a', Buffer.from('a'));
    const upload = { key: 'b', offset: 0, parts: 0, state: await driver.createUpload('b') };
    slow.hold();
    const calls = [
      driver.read('a'),
      driver.write('a', Buffer.from('b')),
      driver.delete('a'),
      driver.list('', { limit: 1 }),
      driver.open('a'),
      driver.size('a'),
      driver.createUpload('c'),
      driver.uploadPart(upload, [Buffer.from('part')]),
      driver.completeUpload(upload, []),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome.status).to.equal('rejected');
      expect(outcome).to.satisfy(
        ({ reason }: PromiseRejectedResult) => isStorageError(reason, 'UNAVAILABLE'),
        'UNAVAILABLE',
      );
    }
  });

  it('is UNAVAILABLE in the middle of an object', async () => {
    await driver.write('a', Buffer.from('a'));
    const object = await driver.open('a');
    slow.hold();
    expect(isStorageError(await rejection(object?.read()), 'UNAVAILABLE')).to.equal(true);
    await object?.close();
  });

  it('is asked again, and found well as soon as it answers', async () => {
    await driver.write('a', Buffer.from('a'));
    slow.hold();
    expect(await rejection(driver.read('a'))).to.be.an('error');
    expect(await rejection(driver.read('a'))).to.be.an('error');
    slow.release();
    expect(text(await driver.read('a'))).to.equal('a');
  });

  it('has its late objects closed and its late uploads aborted', async () => {
    await driver.write('a', Buffer.from('a'));
    slow.hold();
    await Promise.allSettled([driver.open('a'), driver.createUpload('b')]);
    expect([slow.stillOpen, slow.uploads]).to.deep.equal([0, 0]);
    slow.release();
    await until(() => slow.opened === 1 && slow.stillOpen === 0 && slow.begun === 1 && slow.uploads === 0);
  });

  it('is not overtaken: an upload goes on when its overdue part has been written', async () => {
    const upload = { key: 'a', offset: 0, parts: 0, state: await driver.createUpload('a') };
    slow.hold();
    expect(await rejection(driver.uploadPart(upload, [Buffer.from('late')]))).to.be.an('error');
    expect(await rejection(driver.uploadPart(upload, [Buffer.from('early')]))).to.be.an('error');
    expect(slow.parts).to.deep.equal([]);
    const again = driver.uploadPart(upload, [Buffer.from('again')]);
    slow.release();
    const state = await again;
    expect(slow.parts).to.deep.equal(['late', 'again']);
    await driver.completeUpload({ key: 'a', offset: 5, parts: 1, state }, []);
    expect(text(await driver.read('a'))).to.equal('again');
  });

  it('gets its space back when an overdue part has been written', async () => {
    const upload = { key: 'a', offset: 0, parts: 0, state: await driver.createUpload('a') };
    slow.hold();
    expect(await rejection(driver.uploadPart(upload, [Buffer.from('late')]))).to.be.an('error');
    await driver.abortUpload(upload);
    expect(slow.uploads).to.equal(1);
    slow.release();
    await until(() => slow.uploads === 0);
    expect(slow.parts).to.deep.equal(['late']);
  });

  it('fails as it fails when it does answer', async () => {
    await driver.write('a', Buffer.from('a'));
    const refusal = await rejection(driver.write('a', Buffer.from('b'), { ifAbsent: true }));
    expect(isStorageError(refusal, 'PRECONDITION_FAILED')).to.equal(true);
  });
});

/** A driver whose calls may be held until they are let go on. */
class SlowDriver extends MemoryDriver {
  /** Objects that have been opened, and that are open. */
  opened = 0;
  stillOpen = 0;
  /** Uploads that have been begun, and that are neither complete nor aborted. */
  begun = 0;
  uploads = 0;
  /** What parts have brought, in the order in which they were written. */
  readonly parts: string[] = [];
  #gate = Promise.resolve();
  release: () => void = () => undefined;

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.release = () => {
      this.#gate = Promise.resolve();
      resolve();
    };
  }

  override async read(key: string, known?: SmallObject): Promise<SmallObject | undefined> {
    await this.#gate;
    return super.read(key, known);
  }

  override async write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<SmallObject> {
    await this.#gate;
    return super.write(key, bytes, options);
  }

  override async delete(key: string, options?: { readonly ifMatch?: string }): Promise<void> {
    await this.#gate;
    return super.delete(key, options);
  }

  override async list(prefix: string, options: ListOptions): Promise<ListPage> {
    await this.#gate;
    return super.list(prefix, options);
  }

  override async open(key: string, range?: ByteRange): Promise<LargeObject | undefined> {
    await this.#gate;
    const object = await super.open(key, range);
    if (object === undefined) return undefined;
    this.opened += 1;
    this.stillOpen += 1;
    return {
      size: object.size,
      read: async () => {
        await this.#gate;
        return object.read();
      },
      close: async () => {
        this.stillOpen -= 1;
        await object.close();
      },
    };
  }

  override async size(key: string): Promise<number | undefined> {
    await this.#gate;
    return super.size(key);
  }

  override async createUpload(key: string): Promise<string> {
    await this.#gate;
    this.begun += 1;
    this.uploads += 1;
    return super.createUpload(key);
  }

  override async uploadPart(upload: Upload, part: readonly Uint8Array[]): Promise<string> {
    await this.#gate;
    this.parts.push(Buffer.concat(part).toString());
    return super.uploadPart(upload, part);
  }

  override async completeUpload(upload: Upload, lastPart: readonly Uint8Array[]): Promise<void> {
    await this.#gate;
    this.uploads -= 1;
    return super.completeUpload(upload, lastPart);
  }

  override async abortUpload(upload: Upload): Promise<void> {
    await this.#gate;
    this.uploads -= 1;
    return super.abortUpload(upload);
  }
}

async function rejection(promise: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}

function text(object: SmallObject | undefined): string | undefined {
  return object === undefined ? undefined : Buffer.from(object.bytes).toString();
}
