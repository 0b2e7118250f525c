import { withMethods, type StorageDriver } from '@entrepot/plugin-sdk';

/** All keys of the storage that begin with `prefix`, read behind the registry's back. */
export async function keysIn(driver: StorageDriver, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let more = true; more;) {
    const page = await driver.list(prefix, { startAfter: keys.at(-1) ?? '', limit: 1000 });
    keys.push(...page.keys);
    ({ more } = page);
  }
  return keys;
}

/** The driver, with parts that have to be multiples of `size`, as those of the clouds. */
export function withPartSize(driver: StorageDriver, size: number): StorageDriver {
  return withMethods(driver, { partSize: () => size });
}
