import { setImmediate } from 'node:timers/promises';
import { probe, UnfitBackend, type ProbeCondition, type ProbedBucket } from '@entrepot/plugin-sdk/buckets';
import { expect } from 'chai';

interface Kept {
  readonly id: string;
  readonly version: string;
  readonly length: number;
}

/** A bucket in memory that does what it should. */
class MemoryBucket implements ProbedBucket {
  readonly words = {
    bucket: 'bucket',
    object: 'an object',
    ifAbsent: 'If-None-Match: *',
    ifMatch: 'If-Match',
    version: 'etag',
    startFrom: 'start-after',
  };
  readonly objects = new Map<string, Kept>();
  #versions = 0;

  isRefused(key: string, condition: ProbeCondition): boolean {
    const version = this.objects.get(key)?.version;
    if (condition === 'absent') return version !== undefined;
    return condition !== undefined && condition.version !== version;
  }

  keep(key: string, length: number, id: string): string {
    this.#versions += 1;
    const version = String(this.#versions);
    this.objects.set(key, { id, version, length });
    return version;
  }

  async put(
    key: string,
    bytes: Uint8Array,
    condition: ProbeCondition,
    id: string,
  ): Promise<string | undefined> {
    return this.isRefused(key, condition) ? undefined : this.keep(key, bytes.length, id);
  }

  async head(key: string): Promise<Kept | undefined> {
    return this.objects.get(key);
  }

  async list(prefix: string, from: string): Promise<readonly string[]> {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key >= from).sort();
  }

  async lengthOf(key: string, { start, end }: { start: number; end: number }): Promise<number | undefined> {
    const object = this.objects.get(key);
    return object && Math.min(end, object.length) - start;
  }

  async assemble(key: string): Promise<'done' | 'failed' | 'refused'> {
    if (this.isRefused(key, 'absent')) return 'refused';
    this.keep(key, 1, 'upload');
    return 'done';
  }

  async delete(key: string, version?: string): Promise<void> {
    if (version === undefined || !this.isRefused(key, { version })) this.objects.delete(key);
  }
}

/** What is said of a bucket in which some methods are others. */
async function verdictOn(breaks: (bucket: MemoryBucket) => Partial<ProbedBucket>): Promise<unknown> {
  const bucket = new MemoryBucket();
  const verdict = await probe(Object.assign(bucket, breaks(bucket)), 8).then(
    () => undefined,
    (error: unknown) => error,
  );
  return verdict;
}

const flaws: Readonly<Record<string, readonly [RegExp, (bucket: MemoryBucket) => Partial<ProbedBucket>]>> = {
  'nothing can be created': [
    /If-None-Match: \* refuses an object that is not there/,
    () => ({ put: async () => undefined }),
  ],
  'the absence of an object is no condition': [
    /If-None-Match: \* overwrites what is there/,
    (bucket) => ({
      put: async (key, { length }, condition, id) =>
        condition !== 'absent' && bucket.isRefused(key, condition) ? undefined : bucket.keep(key, length, id),
    }),
  ],
  'versions are no conditions': [
    /If-Match overwrites another version/,
    (bucket) => ({
      put: async (key, { length }, condition, id) =>
        condition === 'absent' && bucket.isRefused(key, condition) ? undefined : bucket.keep(key, length, id),
    }),
  ],
  'metadata is lost': [
    /metadata or etag of an object are not those/,
    (bucket) => ({
      async head(key) {
        const found = bucket.objects.get(key);
        return found && { ...found, id: '' };
      },
    }),
  ],
  'a missing object matches': [
    /If-Match creates an object that is missing/,
    (bucket) => ({
      put: async (key, { length }, condition, id) =>
        bucket.objects.has(key) && bucket.isRefused(key, condition)
          ? undefined
          : bucket.keep(key, length, id),
    }),
  ],
  'conditions are looked at before the write, not with it': [
    /of 8 writers at once under If-None-Match: \*, \d succeed/,
    (bucket) => ({
      async put(key, { length }, condition, id) {
        if (bucket.isRefused(key, condition)) return undefined;
        await setImmediate();
        return bucket.keep(key, length, id);
      },
    }),
  ],
  'folders come before what stands beside them': [
    /does not list at once, in byte order/,
    (bucket) => ({
      list: async (prefix) =>
        [...bucket.objects.keys()]
          .filter((key) => key.startsWith(prefix))
          .sort()
          .reverse(),
    }),
  ],
  'lists always begin at the beginning': [
    /lists ignore start-after/,
    (bucket) => ({
      list: async (prefix) => [...bucket.objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    }),
  ],
  'ranges are ignored': [
    /it ignores ranges/,
    (bucket) => ({ lengthOf: async (key) => bucket.objects.get(key)?.length }),
  ],
  'parts cannot be put together': [
    /it does not put parts together/,
    () => ({ assemble: async () => 'failed' }),
  ],
  'parts replace what is there': [
    /puts parts together over what is there/,
    () => ({ assemble: async () => 'done' }),
  ],
  'deletes hit any version': [
    /a delete with If-Match removes another version/,
    (bucket) => ({ delete: async (key) => bucket.objects.delete(key) }),
  ],
  'deletes do nothing': [
    /a delete with If-Match leaves the current version/,
    () => ({ delete: async () => undefined }),
  ],
};

describe('the probe of a bucket', () => {
  it('finds one fit that does what drivers rely on, and leaves nothing behind', async () => {
    const bucket = new MemoryBucket();
    await probe(bucket, 8);
    expect(bucket.objects.size).to.equal(0);
  });

  for (const [flaw, [reason, breaks]] of Object.entries(flaws)) {
    it(`refuses one in which ${flaw}`, async () => {
      const verdict = await verdictOn(breaks);
      expect(verdict).to.be.instanceOf(UnfitBackend);
      expect(verdict)
        .to.have.property('message')
        .that.matches(reason)
        .and.matches(/^this bucket cannot hold/);
    });
  }

  it('tells of a backend that cannot be asked, and cleans up what it can', async () => {
    const down = new Error('down');
    expect(await verdictOn(() => ({ list: () => Promise.reject(down) }))).to.equal(down);
  });
});
