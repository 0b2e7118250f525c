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
