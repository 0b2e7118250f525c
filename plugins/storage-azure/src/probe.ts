import { randomUUID } from 'node:crypto';
import { Blobs, type Condition } from './azure/blobs.ts';
import type { Container } from './azure/container.ts';

/** Writers of one blob at once: a backend that looks first and writes then lets several of them win. */
const RACERS = 16;

/** The backend does not do what the registry's safety rests on. */
export class UnfitBackend extends Error {
  override readonly name = 'UnfitBackend';

  constructor(what: string, consequence: string) {
    super(`this container cannot hold a registry: ${what}, so ${consequence}`);
  }
}

/**
 * Finds out, with a few blobs under a prefix of its own, whether the backend does what the driver relies on.
 * @throws UnfitBackend with the reason when it does not; StorageError when it cannot be asked.
 */
export async function probe(container: Container): Promise<void> {
  const prober = new Prober(new Blobs(container), `.entrepot-probe/${randomUUID()}/`);
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
  readonly #blobs: Blobs;
  readonly #scratch: string;
  readonly #keys = new Set<string>();

  constructor(blobs: Blobs, scratch: string) {
    this.#blobs = blobs;
    this.#scratch = scratch;
  }

  async creation(): Promise<void> {
    const created = await this.#put('create', 'absent', 'first');
    demand(
      created !== undefined,
      'If-None-Match: * refuses a blob that is not there',
      'nothing can be created',
    );
    demand(
      (await this.#put('create', 'absent')) === undefined,
      'If-None-Match: * overwrites what is there',
      'two replicas would both believe to have come first',
    );
    const { value } = await this.#blobs.read(this.#key('create'));
    demand(
      value?.id === 'first' && value.etag === created,
      'metadata or etag of a blob are not those it was written with',
      'a write whose answer was lost could not be told from that of another',
    );
  }

  async replacement(): Promise<void> {
    const first = (await this.#put('replace', 'absent')) ?? '';
    demand(
      (await this.#put('replace', { etag: first })) !== undefined,
      'If-Match refuses the current etag',
      'nothing can be updated safely',
    );
    demand(
      (await this.#put('replace', { etag: first })) === undefined,
      'If-Match overwrites another version than the one it names',
      'updates would get lost',
    );
    demand(
      (await this.#put('missing', { etag: first })) === undefined,
      'If-Match creates a blob that is missing',
      'what was deleted would come back',
    );
  }

  async absence(): Promise<void> {
    const found = await this.#blobs.head(this.#key('missing'));
    demand(found === undefined, 'it finds a blob that was never written', 'absence could not be told');
  }

  async races(): Promise<void> {
    const first = await this.#race('absent');
    demand(
      first.length === 1,
      `of ${RACERS} writers at once under If-None-Match: *, ${first.length} succeed`,
      'two replicas would both believe to have come first',
    );
    const second = await this.#race({ etag: first[0] ?? '' });
    demand(
      second.length === 1,
      `of ${RACERS} writers at once under the same If-Match, ${second.length} succeed`,
      'updates would get lost',
    );
  }

  /** An account with a hierarchical namespace fails here: its folders come before what stands beside them. */
  async listing(): Promise<void> {
    const keys = ['list-b', 'list/b'].map((name) => this.#key(name));
    await Promise.all(['list-b', 'list/b'].map((name) => this.#put(name, undefined)));
    const keysFrom = async (from: string): Promise<string> => {
      const { blobs } = await this.#blobs.list(this.#key('list'), { from, next: '', limit: 10 });
      return blobs.map(({ key }) => key).join();
    };
    demand(
      (await keysFrom('')) === keys.join(),
      'it does not list at once, in byte order, what was written (does the account have a hierarchical namespace?)',
      'lists would lose entries',
    );
    demand(
      (await keysFrom(keys[1] ?? '')) === keys[1],
      'lists ignore startFrom',
      'they would not get past their first page',
    );
  }

  async ranges(): Promise<void> {
    const { value } = await this.#blobs.open(this.#key('list-b'), { start: 1, end: 2 });
    value?.body.destroy();
    demand(value?.length === 1, 'it ignores ranges', 'large blobs could not be read in parts');
  }

  async uploads(): Promise<void> {
    const key = this.#key('upload');
    const block = Buffer.from('1').toString('base64');
    await this.#blobs.stage(key, block, [Buffer.from('part')]);
    const commit = async (): Promise<string | undefined> =>
      (await this.#blobs.commit(key, [block], { condition: 'absent', id: 'upload' })).outcome;
    demand((await commit()) === undefined, 'it does not commit a block', 'nothing can be uploaded in parts');
    demand(
      (await commit()) === 'refused',
      'If-None-Match: * commits over what is there',
      'what has been uploaded could be replaced',
    );
  }

  async deletion(): Promise<void> {
    const key = this.#key('delete');
    const stale = await this.#put('delete', 'absent');
    const current = await this.#put('delete', { etag: stale ?? '' });
    await this.#blobs.delete(key, stale);
    demand(
      (await this.#blobs.head(key))?.etag === current,
      'a delete with If-Match removes another version than the one it names',
      'it could hit an object that has taken the place of the one it meant',
    );
    await this.#blobs.delete(key, current);
    demand(
      (await this.#blobs.head(key)) === undefined,
      'a delete with If-Match leaves the current version',
      'nothing could be deleted safely',
    );
  }

  async clear(): Promise<void> {
    await Promise.allSettled([...this.#keys].map((key) => this.#blobs.delete(key)));
  }

  #key(name: string): string {
    const key = this.#scratch + name;
    this.#keys.add(key);
    return key;
  }

  /** The etag that was written, or `undefined` when the condition was refused. */
  async #put(name: string, condition: Condition, id = 'any'): Promise<string | undefined> {
    const bytes = Buffer.from('entrepot');
    return (await this.#blobs.put(this.#key(name), bytes, { condition, id })).value;
  }

  async #race(condition: Condition): Promise<string[]> {
    const results = await Promise.all(Array.from({ length: RACERS }, () => this.#put('race', condition)));
    return results.filter((etag) => etag !== undefined);
  }
}

function demand(holds: boolean, what: string, consequence: string): void {
  if (!holds) throw new UnfitBackend(what, consequence);
}
