import { join } from 'node:path';
import { buckets, type Storage } from '../replicas/buckets.ts';

/** A new storage, on a server of its own where it needs one. */
export interface SoakedStorage {
  readonly storage: Storage;
  /** Stops the server, with all that is stored. A directory goes with the folder it is in. */
  remove(): Promise<void>;
}

/** By the name that `--storage` has for it. `folder` is that of the run. */
export const soakedStorages = {
  filesystem: async (folder) => ({
    storage: {
      use: '@entrepot/storage-filesystem',
      options: { root: join(folder, 'storage'), fsync: false },
    },
    remove: async () => undefined,
  }),
  s3: buckets['S3 (versitygw)'],
  azure: buckets['Azure (Azurite)'],
} satisfies Readonly<Record<string, (folder: string) => Promise<SoakedStorage>>>;

export type StorageName = keyof typeof soakedStorages;

export function isStorageName(name: string): name is StorageName {
  return Object.hasOwn(soakedStorages, name);
}
