import { randomBytes } from 'node:crypto';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { parseManifest } from '../../core/src/manifest/parse-manifest.ts';
import { createStore } from '../../core/src/store/index.ts';
import { digestOf, manifestOf, MANIFEST_TYPE, REPOSITORY, variantOf } from './content.ts';
import { ownCpu, underLoad, type LoadReport } from './load.ts';
import type { Sizes } from './http-workloads.ts';

const MAX_BYTES = 4 * 1024 ** 3;
const CACHE_BYTES = 64 * 1024 ** 2;
const HOUR = 3_600_000;

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** The store on a driver that costs next to nothing: neither HTTP nor disk. */
export async function storeOperations(
  { seconds, names }: Sizes,
  isWanted: (name: string) => boolean,
): Promise<Readonly<Record<string, LoadReport>>> {
  const memory = new Memory(MAX_BYTES);
  for (let number = 0; number < names; number += 1)
    memory.put(`repos/library~long/tags/v${String(number).padStart(6, '0')}`, []);
  const store = createStore(new MemoryDriver(memory), {
    log: silent,
    uploads: { maxAge: HOUR, maxConcurrent: 100 },
    manifestCacheBytes: CACHE_BYTES,
    blobCacheBytes: CACHE_BYTES,
  });
  const small = randomBytes(1024);
  const pushBlob = (bytes: Buffer): Promise<unknown> =>
    store.uploads.put(REPOSITORY, digestOf(bytes), { body: bodyOf(bytes), length: bytes.length });
  const layers = Array.from({ length: 10 }, () => randomBytes(1024));
  for (const bytes of [small, ...layers]) await pushBlob(bytes);
  const putManifest = (title: string, tag: string): Promise<unknown> =>
    store.manifests.put(REPOSITORY, parseManifest(manifestOf(title, layers), MANIFEST_TYPE, 'sha256'), {
      tags: [tag],
      actor: undefined,
      mayLack: 'nothing',
      condition: undefined,
    });
  await putManifest('image', 'latest');
  const digest = digestOf(manifestOf('image', layers));

  const operations: Readonly<Record<string, (number: number) => Promise<unknown>>> = {
    'manifest by digest': () => store.manifests.get(REPOSITORY, digest),
    tag: () => store.tags.get(REPOSITORY, 'latest'),
    'blob of 1 KiB': () => store.blobs.find(REPOSITORY, digestOf(small)),
    [`tags page of 100 among ${names}`]: () =>
      store.tags.list('library/long', { last: 'v000500', limit: 100 }),
    'push of 1 KiB': () => pushBlob(variantOf(small)),
    'manifest with 10 layers': (number) => putManifest(`new ${number}`, `new-${number}`),
  };
  const reports: Record<string, LoadReport> = {};
  for (const [name, operation] of Object.entries(operations)) {
    if (isWanted(name)) reports[name] = await underLoad({ atOnce: 16, seconds, cpu: ownCpu, operation });
  }
  return reports;
}

async function* bodyOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
