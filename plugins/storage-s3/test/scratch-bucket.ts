import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { Input } from '../src/options.ts';
import type { S3Server } from '../../../test/servers/s3-server.ts';

/** Makes a new bucket on the server, and options for a driver that keeps its objects there. */
export async function scratchBucket({ endpoint, credentials }: S3Server): Promise<Input> {
  const bucket = `entrepot-${randomUUID()}`;
  const client = new S3Client({
    endpoint,
    credentials: { ...credentials },
    region: 'us-east-1',
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { bucket, endpoint, credentials };
}
