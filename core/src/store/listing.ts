import type { StorageDriver } from '@entrepot/plugin-sdk';

/** Which names of an ordered list to give. */
export interface PageRequest {
  /** Only names after this one, in byte order of their keys. */
  readonly last?: string | undefined;
  /** The most names to give. */
  readonly limit: number;
}

export interface NamePage {
  readonly names: readonly string[];
  readonly more: boolean;
}

/** Keys asked for at once when a whole prefix is walked. */
const KEYS_AT_ONCE = 1000;

/** One page of the names under a flat prefix. */
export async function listNames(
  driver: StorageDriver,
  prefix: string,
  nameOf: (key: string) => string,
  { last, limit }: PageRequest,
): Promise<NamePage> {
  const names: string[] = [];
  let startAfter = last === undefined ? '' : prefix + last;
  for (let more = limit > 0; more;) {
    const page = await driver.list(prefix, { startAfter, limit: limit - names.length });
    for (const key of page.keys) names.push(nameOf(key));
    if (!page.more) return { names, more: false };
    startAfter = page.keys.at(-1) ?? startAfter;
    more = names.length < limit;
  }
  return { names, more: limit > 0 };
}

/** All keys under a prefix, page by page. */
export async function* listAll(driver: StorageDriver, prefix: string): AsyncGenerator<readonly string[]> {
  let startAfter = '';
  for (let more = true; more;) {
    const page = await driver.list(prefix, { startAfter, limit: KEYS_AT_ONCE });
    yield page.keys;
    startAfter = page.keys.at(-1) ?? startAfter;
    ({ more } = page);
  }
}
