import { RegistryError, type LargeObject } from '@entrepot/plugin-sdk';
import type { OutgoingHttpHeaders } from 'node:http';
import { etagOf, isNotModified } from '../http/conditions.ts';
import { parseRange } from '../http/range.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Happening } from '../events/event-recorder.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import type { Blob, BlobStore } from '../store/blob-store.ts';
import { guardOf } from './guard.ts';
import { contentHeaders } from './headers.ts';
import { assertDeletesEnabled } from './deletes.ts';
import type { Handler } from './routes.ts';

/** end-2: a blob or a range of it, or where to get that. Its length is known to be right before the answer begins. */
export const getBlob: Handler<'blob'> = async ({ store, redirects, recorder }, { context, route }) => {
  const { repository, digest } = route;
  context.digest = digest;
  const isHead = context.method === 'HEAD';
  const maySendAway = redirects.suit(context);
  // Nobody is sent to bytes that are not there. Small ones are not sent for.
  const blob =
    isHead || maySendAway
      ? await store.blobs.check(repository, digest, { smallToo: isHead })
      : await store.blobs.find(repository, digest);
  if (blob === undefined) throw unknown(digest);
  const headers = {
    ...contentHeaders({ digest, mediaType: mediaTypes.octetStream, size: blob.size, immutable: true }),
    'accept-ranges': 'bytes',
  };
  if (isNotModified(context, digest)) {
    context.sendHead(304, { etag: headers['etag'], 'cache-control': headers['cache-control'] });
    return [];
  }
  if (isHead) {
    context.sendHead(200, headers);
    return [];
  }
  const url = maySendAway && !store.blobs.isSmall(blob) ? await redirects.urlOf(blob) : undefined;
  // The URL is a key to the bytes, so no cache may keep it. The client takes its Range there.
  if (url !== undefined)
    context.send(307, { location: url, 'docker-content-digest': digest, 'cache-control': 'no-store' });
  else await sendBlob(context, store.blobs, blob, headers);
  return recorder.tell(context, [happening('pull', repository, blob)]);
};

async function sendBlob(
  context: RequestContext,
  blobs: BlobStore,
  blob: Blob,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const range = isRangeWanted(context, blob.digest)
    ? parseRange(context.header('range'), blob.size)
    : undefined;
  const partial =
    range === undefined
      ? headers
      : {
          ...headers,
          'content-length': range.end - range.start,
          'content-range': `bytes ${range.start}-${range.end - 1}/${blob.size}`,
        };
  const status = range === undefined ? 200 : 206;
  if (blobs.isSmall(blob)) {
    const bytes = await blobs.bytes(blob);
    if (bytes === undefined) throw unknown(blob.digest);
    context.send(status, partial, range === undefined ? bytes : bytes.subarray(range.start, range.end));
    return;
  }
  const object: LargeObject | undefined = await blobs.open(blob, range);
  if (object === undefined) throw unknown(blob.digest);
  await context.stream(status, partial, object);
}

/** `If-Range` asks for the part only if the rest has not changed (RFC 9110, 13.1.5). */
function isRangeWanted(context: RequestContext, digest: string): boolean {
  const header = context.header('if-range');
  return header === undefined || header === etagOf(digest);
}

/** end-10: takes the blob from this repository; others keep it. */
export const deleteBlob: Handler<'blob'> = async (
  { store, settings, hooks, recorder },
  { context, route },
) => {
  const { repository, digest } = route;
  context.digest = digest;
  assertDeletesEnabled(settings, 'GET, HEAD');
  guardOf(hooks, context)?.({ action: 'delete', kind: 'blob', repository, digest });
  const blob = await store.blobs.find(repository, digest);
  if (!(await store.blobs.unlink(repository, digest)) || blob === undefined) throw unknown(digest);
  const events = await recorder.record(context, [happening('delete', repository, blob)]);
  context.send(202, {});
  return events;
};

function happening(action: 'pull' | 'delete', repository: string, { digest, size }: Blob): Happening {
  return { action, repository, kind: 'blob', target: { mediaType: mediaTypes.octetStream, digest, size } };
}

function unknown(digest: string): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', undefined, { details: [{ digest }] });
}
