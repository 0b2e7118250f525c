import { startAzurite } from '../servers/azurite.ts';
import { startRadosgw } from '../servers/radosgw.ts';
import type { S3Server } from '../servers/s3-server.ts';
import { startVersitygw } from '../servers/versitygw.ts';
import { scratchContainer } from '../../plugins/storage-azure/test/scratch-container.ts';
import { scratchBucket } from '../../plugins/storage-s3/test/scratch-bucket.ts';

/** The storage of a registry, as its configuration names it. */
export interface Storage {
  /** The package of the plugin. */
  readonly use: string;
  readonly options: object;
}

/** A new bucket on a server of its own. */
export interface Bucket {
  readonly storage: Storage;
  /** Stops the server, with all that is in the bucket. */
  remove(): Promise<void>;
}

/** The servers that a test of replicas runs on, and how to get a bucket there. */
export const buckets = {
  'S3 (versitygw)': () => s3(startVersitygw),
  'S3 (radosgw)': () => s3(startRadosgw),
  'Azure (Azurite)': azure,
} satisfies Readonly<Record<string, () => Promise<Bucket>>>;

async function s3(startServer: () => Promise<S3Server>): Promise<Bucket> {
  const server = await startServer();
  const options = { ...(await scratchBucket(server)), partSize: 5 * 1024 ** 2 };
  return { storage: { use: '@entrepot/storage-s3', options }, remove: () => server.stop() };
}

async function azure(): Promise<Bucket> {
  const server = await startAzurite();
  const { input: options } = await scratchContainer(server);
  return { storage: { use: '@entrepot/storage-azure', options }, remove: () => server.stop() };
}
