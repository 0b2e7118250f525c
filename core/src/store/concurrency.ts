import { RegistryError } from '@entrepot/plugin-sdk';

/** Calls `work` for each item, at most `limit` at a time. The first error ends it, once what is under way has settled. */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true && !failed; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: limit }, lane));
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
}

/** Those items for which `test` holds, asked at most `limit` at a time. Once about `most` are found, no more are asked. */
export async function filterLimited<Item>(
  items: Iterable<Item>,
  { limit, most }: { readonly limit: number; readonly most: number },
  test: (item: Item) => Promise<boolean>,
): Promise<Item[]> {
  const found: Item[] = [];
  await forEachLimited(items, limit, async (item) => {
    if (found.length < most && (await test(item))) found.push(item);
  });
  return found;
}

/** Like {@link forEachLimited}, keeping what `work` gives in the order of the items. */
export async function mapLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  await forEachLimited(items.entries(), limit, async ([index, item]) => {
    results[index] = await work(item);
  });
  return results;
}

/** Room for so much work at a time. What comes when there is none is refused at once: a queue would only hide it. */
export class Places {
  readonly #limit: number;
  readonly #refusal: string;
  #taken = 0;

  /** `refusal` tells clients what to do. */
  constructor(limit: number, refusal: string) {
    this.#limit = limit;
    this.#refusal = refusal;
  }

  /** How many places are taken now. */
  get taken(): number {
    return this.#taken;
  }

  /** @throws RegistryError `TOOMANYREQUESTS` when every place is taken. */
  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#taken >= this.#limit) throw new RegistryError('TOOMANYREQUESTS', this.#refusal);
    this.#taken += 1;
    try {
      return await work();
    } finally {
      this.#taken -= 1;
    }
  }
}
