import type { StorageDriver } from '../storage.ts';
import { equal, holds } from './assertions.ts';
import { says } from './storage-contract.ts';

/** All keys that start with `prefix` and come after `startAfter`, page by page; each page has to keep its promises. */
export async function keysUnder(
  driver: StorageDriver,
  prefix: string,
  { startAfter, limit = 1000 }: { readonly startAfter?: string; readonly limit?: number } = {},
): Promise<string[]> {
  const all: string[] = [];
  let options = startAfter === undefined ? { limit } : { startAfter, limit };
  for (;;) {
    const { keys, more } = await driver.list(prefix, options);
    holds(keys.length <= limit, says.limit, `got ${keys.length} keys with a limit of ${limit}`);
    all.push(...keys);
    const last = keys.at(-1);
    const announced = all.length > keys.length;
    if (last === undefined) {
      equal(more, false, says.page);
      holds(!announced, says.more, 'the page before promised more keys, and there were none');
      return all;
    }
    holds(last > (options.startAfter ?? ''), says.list, `got ${last} after ${options.startAfter ?? ''}`);
    if (!more) return all;
    options = { startAfter: last, limit };
  }
}
