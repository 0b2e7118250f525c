import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { blobLinkFormat, blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { markerFormat } from '../../core/src/store/catalog-store.ts';
import { forEachLimited } from '../../core/src/store/concurrency.ts';
import { newId } from '../../core/src/store/ids.ts';
import { keys } from '../../core/src/store/keys.ts';
import { manifestFormat } from '../../core/src/store/stored-manifest.ts';
import { tagRecordFormat } from '../../core/src/store/tag-record.ts';
import { digestOf, types } from '../oci/content.ts';

/** How much there is: each repository has one image under a tag, and its share of the blobs that it refers to. */
export interface Extent {
  readonly repositories: number;
  readonly blobs: number;
  /** Blobs among them that no manifest refers to. */
  readonly garbage: number;
}

interface Repository {
  readonly name: string;
  readonly manifest: { readonly digest: string; readonly bytes: Buffer };
  readonly blobs: readonly string[];
  readonly garbage: readonly string[];
}

/** What manifests and records say of blobs: enough not to be kept in a record. */
const SIZE = 20_000;
/** What is on disk of them: no collector reads blobs, or asks how long they are. */
const STORED = Buffer.alloc(1024);
/** Files written at once. */
const AT_ONCE = 64;

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function* repositoriesOf({ repositories, blobs, garbage }: Extent): Generator<Repository> {
  const blobOf = (number: number): string =>
    `sha256:${createHash('sha256').update(`blob ${number}`).digest('hex')}`;
  const [each, wasted] = [Math.floor((blobs - garbage) / repositories), garbage / repositories];
  for (let index = 0; index < repositories; index += 1) {
    const own = Array.from({ length: each }, (_, number) => blobOf(index * each + number));
    const first = Math.floor(index * wasted);
    const rest = Math.floor((index + 1) * wasted) - first;
    const [config = '', ...layers] = own;
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.manifest,
        config: { mediaType: types.config, digest: config, size: SIZE },
        layers: layers.map((digest) => ({ mediaType: types.layer, digest, size: SIZE })),
      }),
    );
    yield {
      name: `team/app-${String(index).padStart(5, '0')}`,
      manifest: { digest: digestOf(bytes), bytes },
      blobs: own,
      garbage: Array.from({ length: rest }, (_, number) => blobOf(blobs + first + number)),
    };
  }
}

/** Writes what CNCF distribution has on disk for these repositories (registry/storage/paths.go). */
export async function writeDistribution(root: string, extent: Extent): Promise<void> {
  const base = join(root, 'docker/registry/v2');
  const put = async (path: string, bytes: Buffer | string): Promise<void> => {
    const file = join(base, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  };
  const blob = (digest: string): string => {
    const hex = digest.slice('sha256:'.length);
    return `blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
  };
  await forEachLimited(repositoriesOf(extent), AT_ONCE, async ({ name, manifest, blobs, garbage }) => {
    const place = `repositories/${name}`;
    const hex = manifest.digest.slice('sha256:'.length);
    for (const digest of [...blobs, ...garbage]) {
      await put(blob(digest), STORED);
      await put(`${place}/_layers/sha256/${digest.slice('sha256:'.length)}/link`, digest);
    }
    await put(blob(manifest.digest), manifest.bytes);
    await put(`${place}/_manifests/revisions/sha256/${hex}/link`, manifest.digest);
    await put(`${place}/_manifests/tags/v1/index/sha256/${hex}/link`, manifest.digest);
    await put(`${place}/_manifests/tags/v1/current/link`, manifest.digest);
  });
}

/** Writes what Entrepot has in a directory for the same. All of it is as old as can be. */
export async function writeEntrepot(root: string, extent: Extent): Promise<void> {
  const driver = new FilesystemDriver({ root, fsync: false, log: quiet });
  await driver.start();
  try {
    await forEachLimited(repositoriesOf(extent), AT_ONCE, async ({ name, manifest, blobs, garbage }) => {
      const { digest, bytes } = manifest;
      for (const each of [...blobs, ...garbage]) {
        const data = keys.data(newId());
        const record = {
          digest: each,
          state: 'live',
          incarnation: data,
          data,
          size: SIZE,
          since: 0,
        } as const;
        await driver.write(data, STORED);
        await driver.write(keys.record(each), blobRecordFormat.encode(record));
        await driver.write(keys.link(name, each), blobLinkFormat.encode({ incarnation: data, size: SIZE }));
      }
      const incarnation = newId();
      const mediaType = types.manifest;
      await driver.write(
        keys.manifest(name, digest),
        manifestFormat.encode({ digest, mediaType, bytes, incarnation, deleting: false }),
      );
      await driver.write(keys.repository(name), markerFormat.encode({ since: 0 }));
      const history = [{ digest, at: 0 }];
      await driver.write(
        keys.tag(name, 'v1'),
        tagRecordFormat.encode({ digest, mediaType, size: bytes.length, incarnation, history }),
      );
    });
  } finally {
    await driver.stop();
  }
}

/** Makes all blobs that collection has condemned as old as if that had been long ago. Gives how many there are. */
export async function ageCondemned(root: string): Promise<number> {
  const driver = new FilesystemDriver({ root, fsync: false, log: quiet });
  await driver.start();
  let aged = 0;
  try {
    for (let startAfter = '', more = true; more;) {
      const page = await driver.list(keys.records, { startAfter, limit: 1000 });
      await forEachLimited(page.keys, AT_ONCE, async (key) => {
        const object = await driver.read(key);
        const record = object === undefined ? undefined : blobRecordFormat.decode(object.bytes);
        if (record?.state !== 'condemned') return;
        await driver.write(key, blobRecordFormat.encode({ ...record, since: 0 }));
        aged += 1;
      });
      startAfter = page.keys.at(-1) ?? startAfter;
      ({ more } = page);
    }
  } finally {
    await driver.stop();
  }
  return aged;
}
