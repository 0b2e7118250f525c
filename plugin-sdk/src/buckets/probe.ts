import { randomUUID } from 'node:crypto';
import type { ByteRange } from '../storage.ts';

/** Under which condition an object is written: there is none yet, or it is this version. */
export type ProbeCondition = 'absent' | { readonly version: string } | undefined;

/** A bucket as the {@link probe} sees it. A version is whatever the backend's conditions name. */
export interface ProbedBucket {
  /** How the backend calls what the messages are about. */
  readonly words: {
    /** `bucket`, `container`. */
    readonly bucket: string;
    /** `an object`, `a blob`. */
    readonly object: string;
    /** The condition that there is no object yet, and that it is one version. */
    readonly ifAbsent: string;
    readonly ifMatch: string;
    /** The name of a version. */
    readonly version: string;
    /** The parameter of lists that says where they begin. */
    readonly startFrom: string;
  };
  /** The version that was written, or `undefined` when the condition was refused. `id` is kept with the object. */
  put(key: string, bytes: Uint8Array, condition: ProbeCondition, id: string): Promise<string | undefined>;
  head(key: string): Promise<{ readonly id: string; readonly version: string } | undefined>;
  /** Keys that start with `prefix`, from `from` on, itself included; all of them when it is empty. */
  list(prefix: string, from: string): Promise<readonly string[]>;
  /** Bytes that come for a range. */
  lengthOf(key: string, range: ByteRange): Promise<number | undefined>;
  /** Makes an object of parts, where there is none. `refused` when there is one. */
  assemble(
    key: string,
    partKeys: readonly string[],
    part: Uint8Array,
  ): Promise<'done' | 'failed' | 'refused'>;
  /** Deletes an object, only in this version if one is given. */
  delete(key: string, version?: string): Promise<unknown>;
}

/** The backend does not do what the registry's safety rests on. */
export class UnfitBackend extends Error {
  override readonly name = 'UnfitBackend';

  constructor(bucket: string, what: string, consequence: string) {
    super(`this ${bucket} cannot hold a registry: ${what}, so ${consequence}`);
  }
}

const CONTENT = Buffer.from('entrepot');

/**
 * Finds out, with a few objects under a prefix of its own, whether the backend does what a driver relies on.
 * @param racers Writers of one object at once: a backend that looks first and writes then lets several of them win.
 * @throws UnfitBackend with the reason when it does not; whatever `bucket` throws when it cannot be asked.
 */
export async function probe(bucket: ProbedBucket, racers: number): Promise<void> {
  const prober = new Prober(bucket, racers);
  try {
    await prober.creation();
    await prober.replacement();
    await prober.absence();
    await prober.races();
    await prober.listing();
    await prober.ranges();
    await prober.uploads();
    await prober.deletion();
  } finally {
    await prober.clear();
  }
}

class Prober {
  readonly #bucket: ProbedBucket;
  readonly #racers: number;
  readonly #scratch = `.entrepot-probe/${randomUUID()}/`;
  readonly #keys = new Set<string>();

  constructor(bucket: ProbedBucket, racers: number) {
    this.#bucket = bucket;
    this.#racers = racers;
  }

  async creation(): Promise<void> {
    const { ifAbsent, object, version } = this.#bucket.words;
    const created = await this.#put('create', 'absent', 'first');
    this.#demand(
      created !== undefined,
      `${ifAbsent} refuses ${object} that is not there`,
      'nothing can be created',
    );
    this.#demand(
      (await this.#put('create', 'absent')) === undefined,
      `${ifAbsent} overwrites what is there`,
      'two replicas would both believe to have come first',
    );
    const found = await this.#bucket.head(this.#key('create'));
    this.#demand(
      found?.id === 'first' && found.version === created,
      `metadata or ${version} of ${object} are not those it was written with`,
      'a write whose answer was lost could not be told from that of another',
    );
  }

  async replacement(): Promise<void> {
    const { ifMatch, object, version } = this.#bucket.words;
    const first = { version: (await this.#put('replace', 'absent')) ?? '' };
    this.#demand(
      (await this.#put('replace', first)) !== undefined,
      `${ifMatch} refuses the current ${version}`,
      'nothing can be updated safely',
    );
    this.#demand(
      (await this.#put('replace', first)) === undefined,
      `${ifMatch} overwrites another version than the one it names`,
      'updates would get lost',
    );
    this.#demand(
      (await this.#put('missing', first)) === undefined,
      `${ifMatch} creates ${object} that is missing`,
      'what was deleted would come back',
    );
  }

  async absence(): Promise<void> {
    const found = await this.#bucket.head(this.#key('missing'));
    const { object } = this.#bucket.words;
    this.#demand(
      found === undefined,
      `it finds ${object} that was never written`,
      'absence could not be told',
    );
  }

  async races(): Promise<void> {
    const { ifAbsent, ifMatch } = this.#bucket.words;
    const first = await this.#race('absent');
    this.#demand(
      first.length === 1,
      `of ${this.#racers} writers at once under ${ifAbsent}, ${first.length} succeed`,
      'two replicas would both believe to have come first',
    );
    const second = await this.#race({ version: first[0] ?? '' });
    this.#demand(
      second.length === 1,
      `of ${this.#racers} writers at once under the same ${ifMatch}, ${second.length} succeed`,
      'updates would get lost',
    );
  }

  /** A hierarchical namespace fails here: its folders come before what stands beside them. */
  async listing(): Promise<void> {
    const { bucket, startFrom } = this.#bucket.words;
    const keys = ['list-b', 'list/b'].map((name) => this.#key(name));
    await Promise.all(['list-b', 'list/b'].map((name) => this.#put(name, undefined)));
    const listed = async (from: string): Promise<string> =>
      (await this.#bucket.list(this.#key('list'), from)).join();
    this.#demand(
      (await listed('')) === keys.join(),
      `it does not list at once, in byte order, what was written (has the ${bucket} a hierarchical namespace?)`,
      'lists would lose entries',
    );
    this.#demand(
      (await listed(keys[1] ?? '')) === keys[1],
      `lists ignore ${startFrom}`,
      'they would not get past their first page',
    );
  }

  async ranges(): Promise<void> {
    const length = await this.#bucket.lengthOf(this.#key('list-b'), { start: 1, end: 2 });
    this.#demand(length === 1, 'it ignores ranges', 'large blobs could not be read in parts');
  }

  async uploads(): Promise<void> {
    const parts = ['part-1', 'part-2'].map((name) => this.#key(name));
    const assemble = (): ReturnType<ProbedBucket['assemble']> =>
      this.#bucket.assemble(this.#key('upload'), parts, CONTENT);
    this.#demand(
      (await assemble()) === 'done',
      'it does not put parts together',
      'nothing can be uploaded in parts',
    );
    this.#demand(
      (await assemble()) === 'refused',
      `${this.#bucket.words.ifAbsent} puts parts together over what is there`,
      'what has been uploaded could be replaced',
    );
  }

  async deletion(): Promise<void> {
    const { ifMatch } = this.#bucket.words;
    const key = this.#key('delete');
    const stale = (await this.#put('delete', 'absent')) ?? '';
    const current = (await this.#put('delete', { version: stale })) ?? '';
    await this.#bucket.delete(key, stale);
    this.#demand(
      (await this.#bucket.head(key))?.version === current,
      `a delete with ${ifMatch} removes another version than the one it names`,
      'it could hit an object that has taken the place of the one it meant',
    );
    await this.#bucket.delete(key, current);
    this.#demand(
      (await this.#bucket.head(key)) === undefined,
      `a delete with ${ifMatch} leaves the current version`,
      'nothing could be deleted safely',
    );
  }

  async clear(): Promise<void> {
    await Promise.allSettled([...this.#keys].map((key) => this.#bucket.delete(key)));
  }

  #key(name: string): string {
    const key = this.#scratch + name;
    this.#keys.add(key);
    return key;
  }

  #put(name: string, condition: ProbeCondition, id = 'any'): Promise<string | undefined> {
    return this.#bucket.put(this.#key(name), CONTENT, condition, id);
  }

  async #race(condition: ProbeCondition): Promise<string[]> {
    const racing = Array.from({ length: this.#racers }, () => this.#put('race', condition));
    return (await Promise.all(racing)).filter((version) => version !== undefined);
  }

  #demand(holds: boolean, what: string, consequence: string): void {
    if (!holds) throw new UnfitBackend(this.#bucket.words.bucket, what, consequence);
  }
}
