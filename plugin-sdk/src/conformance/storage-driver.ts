import { batchedDeletes } from './batched-deletes.ts';
import { conditions } from './conditions.ts';
import { links } from './links.ts';
import { listing } from './listing.ts';
import { objects } from './objects.ts';
import type { Backend, Runner } from './runner.ts';
import { signedUrls } from './signed-urls.ts';
import { streams } from './streams.ts';
import { twoProcesses } from './two-processes.ts';
import { uploads } from './uploads.ts';

/** The driver to judge. */
export interface StorageDriverSubject {
  /** For the title. */
  readonly name?: string;
  /** Makes an empty backend, and a driver that is ready to work. Called for every test. */
  create(): Promise<Backend>;
}

/** One entry per file of behaviour. There is no way to leave one out: a driver conforms, or it does not. */
const behaviours = {
  'small objects': objects,
  conditions,
  listing,
  'reading large objects': streams,
  uploads,
  'signed URLs': signedUrls,
  'second keys': links,
  'batched deletes': batchedDeletes,
  'two processes': twoProcesses,
};

/** Declares the tests of the storage driver contract (storage.ts). Messages of failures quote the sentence that broke. */
export function describeStorageDriver({ describe, it }: Runner, subject: StorageDriverSubject): void {
  describe(`storage driver ${subject.name ?? ''}`.trimEnd(), () => {
    for (const [behaviour, declare] of Object.entries(behaviours)) {
      describe(behaviour, () => {
        declare((title, test) => {
          it(title, async () => {
            const backend = await subject.create();
            try {
              await test(backend);
            } finally {
              await backend.destroy();
            }
          });
        });
      });
    }
  });
}
