import { join } from 'node:path';
import { scratchBucket } from '../../plugins/storage-s3/test/scratch-bucket.ts';
import { probedDriver } from '../../plugins/storage-s3/test/probed-driver.ts';
import { startVersitygw } from '../servers/versitygw.ts';
import { directoryIn } from './replicas.ts';
import { sweepLeftovers, sweepObjects, type Leftovers } from './leftovers.ts';

/** What the registries of a run store in, and what is done with it in the end. */
export interface TortureStorage {
  /** The module of the plugin, and the options it is given. */
  readonly module: string;
  readonly options: object;
  /** Once no registry uses it any more. */
  sweep(): Promise<Leftovers>;
  remove(): Promise<void>;
}

/** By the name that `--storage` has for it: each makes a new one. `folder` is that of the run. */
export const storages = {
  filesystem: async (folder) => {
    return {
      ...directoryIn(folder),
      sweep: () => sweepLeftovers(join(folder, 'root')),
      remove: async () => undefined,
    };
  },
  s3: async () => {
    const server = await startVersitygw();
    const options = await scratchBucket(server);
    return {
      module: import.meta.resolve('@entrepot/storage-s3'),
      options,
      async sweep() {
        const { driver, s3 } = await probedDriver(options);
        try {
          return await sweepObjects(driver);
        } finally {
          s3.close();
        }
      },
      remove: () => server.stop(),
    };
  },
} satisfies Readonly<Record<string, (folder: string) => Promise<TortureStorage>>>;

export type StorageName = keyof typeof storages;
