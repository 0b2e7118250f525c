import type { StorageDriver } from '@entrepot/plugin-sdk';
import type { SignUrl } from './sign-url.ts';

/**
 * A network that passes what it has not to the bucket, path and query as they are: the bucket checks its signature, so
 * what the network may keep it may give only to who asks with the same URL.
 */
export class Rewriting {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/+$/, '');
  }

  /** `undefined` for a driver that cannot sign. */
  signUrlFor(driver: StorageDriver): SignUrl | undefined {
    if (driver.signUrl === undefined) return undefined;
    return async (key, options) => {
      const signed = await driver.signUrl?.(key, options);
      if (signed === undefined) return undefined;
      const { pathname, search } = new URL(signed);
      return this.#url + pathname + search;
    };
  }
}
