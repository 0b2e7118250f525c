import type { StorageDriver } from '@entrepot/plugin-sdk';

/** Gives a URL for the bytes of an object. */
export type SignUrl = NonNullable<StorageDriver['signUrl']>;
