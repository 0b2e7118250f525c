import { randomUUID } from 'node:crypto';
import { Objects, type Condition } from './gcs/objects.ts';
import type { Bucket } from './gcs/bucket.ts';

/** Writers of one object at once: a backend that looks first and writes then lets several of them win. */
const RACERS = 8;
const CONTENT = Buffer.from('entrepot');

/** The backend does not do what the registry's safety rests on. */
export class UnfitBackend extends Error {
  override readonly name = 'UnfitBackend';

  constructor(what: string, consequence: string) {
    super(`this bucket cannot hold a registry: ${what}, so ${consequence}`);
  }
}

/**
 * Finds out, with a few objects under a prefix of its own, whether the backend does what the driver relies on.
 * @throws UnfitBackend with the reason when it does not; StorageError when it cannot be asked.
 */
export async function probe(bucket: Bucket): Promise<void> {
  const scratch = bucket.names.nameOf(`.entrepot-probe/${randomUUID()}/`);
  const prober = new Prober(new Objects(bucket), scratch);
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
  readonly #objects: Objects;
  readonly #scratch: string;
  readonly #names = new Set<string>();

  constructor(objects: Objects, scratch: string) {
    this.#objects = objects;
    this.#scratch = scratch;
  }

  async creation(): Promise<void> {
    const created = await this.#put('create', 'absent', 'first');
    demand(
      created !== undefined,
      'ifGenerationMatch=0 refuses an object that is not there',
      'nothing can be created',
    );
    demand(
      (await this.#put('create', 'absent')) === undefined,
      'ifGenerationMatch=0 overwrites what is there',
      'two replicas would both believe to have come first',
    );
    const found = await this.#objects.head(this.#name('create'));
    demand(
      found?.id === 'first' && found.generation === created,
      'metadata or generation of an object are not those it was written with',
      'a write whose answer was lost could not be told from that of another',
    );
  }

  async replacement(): Promise<void> {
    const first = (await this.#put('replace', 'absent')) ?? '';
    demand(
      (await this.#put('replace', { generation: first })) !== undefined,
      'ifGenerationMatch refuses the current generation',
      'nothing can be updated safely',
    );
    demand(
      (await this.#put('replace', { generation: first })) === undefined,
      'ifGenerationMatch overwrites another version than the one it names',
      'updates would get lost',
    );
    demand(
      (await this.#put('missing', { generation: first })) === undefined,
      'ifGenerationMatch creates an object that is missing',
      'what was deleted would come back',
    );
  }

  async absence(): Promise<void> {
    const found = await this.#objects.head(this.#name('missing'));
    demand(found === undefined, 'it finds an object that was never written', 'absence could not be told');
  }

  async races(): Promise<void> {
    const first = await this.#race('absent');
    demand(
      first.length === 1,
      `of ${RACERS} writers at once under ifGenerationMatch=0, ${first.length} succeed`,
      'two replicas would both believe to have come first',
    );
    const second = await this.#race({ generation: first[0] ?? '' });
    demand(
      second.length === 1,
      `of ${RACERS} writers at once under the same ifGenerationMatch, ${second.length} succeed`,
      'updates would get lost',
    );
  }

  async listing(): Promise<void> {
    const names = ['list-b', 'list/b'].map((name) => this.#name(name));
    await Promise.all(['list-b', 'list/b'].map((name) => this.#put(name, undefined)));
    const namesFrom = async (offset: string): Promise<string> => {
      const { objects } = await this.#objects.list(this.#name('list'), { offset, next: '', limit: 10 });
      return objects.map(({ name }) => name).join();
    };
    demand(
      (await namesFrom('')) === names.join(),
      'it does not list at once, in byte order, what was written (has the bucket a hierarchical namespace?)',
      'lists would lose entries',
    );
    demand(
      (await namesFrom(names[1] ?? '')) === names[1],
      'lists ignore startOffset',
      'they would not get past their first page',
    );
  }

  async ranges(): Promise<void> {
    const { value } = await this.#objects.open(this.#name('list-b'), { start: 1, end: 2 });
    value?.body.destroy();
    demand(value?.length === 1, 'it ignores ranges', 'large objects could not be read in parts');
  }

  async uploads(): Promise<void> {
    const sources = ['part-1', 'part-2'].map((name) => this.#name(name));
    await Promise.all(['part-1', 'part-2'].map((name) => this.#put(name, undefined)));
    const compose = (names: readonly string[]): ReturnType<Objects['compose']> =>
      this.#objects.compose(this.#name('upload'), names, { condition: 'absent', id: 'upload' });
    const { value } = await compose(sources);
    demand(
      value?.size === 2 * CONTENT.length,
      'it does not compose objects',
      'nothing can be uploaded in parts',
    );
    demand(
      (await compose(sources)).outcome === 'refused',
      'ifGenerationMatch=0 composes over what is there',
      'what has been uploaded could be replaced',
    );
  }

  async deletion(): Promise<void> {
    const name = this.#name('delete');
    const stale = await this.#put('delete', 'absent');
    const current = await this.#put('delete', { generation: stale ?? '' });
    await this.#objects.delete(name, stale);
    demand(
      (await this.#objects.head(name))?.generation === current,
      'a delete with ifGenerationMatch removes another version than the one it names',
      'it could hit an object that has taken the place of the one it meant',
    );
    await this.#objects.delete(name, current);
    demand(
      (await this.#objects.head(name)) === undefined,
      'a delete with ifGenerationMatch leaves the current version',
      'nothing could be deleted safely',
    );
  }

  async clear(): Promise<void> {
    await Promise.allSettled([...this.#names].map((name) => this.#objects.delete(name)));
  }

  #name(last: string): string {
    const name = this.#scratch + last;
    this.#names.add(name);
    return name;
  }

  /** The generation that was written, or `undefined` when the condition was refused. */
  async #put(last: string, condition: Condition, id = 'any'): Promise<string | undefined> {
    const { value } = await this.#objects.put(this.#name(last), [CONTENT], { condition, id });
    return value?.generation;
  }

  async #race(condition: Condition): Promise<string[]> {
    const results = await Promise.all(Array.from({ length: RACERS }, () => this.#put('race', condition)));
    return results.filter((generation) => generation !== undefined);
  }
}

function demand(holds: boolean, what: string, consequence: string): void {
  if (!holds) throw new UnfitBackend(what, consequence);
}
