import { RegistryError } from '@entrepot/plugin-sdk';
import { isAlgorithm, isDigest, type Algorithm } from '../digest.ts';
import type { Happening } from '../events/event-recorder.ts';
import { isRepositoryName } from '../http/match-route.ts';
import { badQuery, type Query } from '../http/query.ts';
import type { RequestContext } from '../http/request-context.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import type { Blob } from '../store/blob-store.ts';
import { UploadOutOfOrder } from '../store/claimed-session.ts';
import type { UploadStatus } from '../store/upload-store.ts';
import type { NamedUpload } from '../store/upload-tickets.ts';
import { admit } from './admission.ts';
import { incomingBytes } from './incoming-bytes.ts';
import { TICKET } from './open-upload.ts';
import type { RegistryParts } from './registry-parts.ts';
import type { Handler } from './routes.ts';

/** end-4a, 4b, 4c, 11: opens a session, takes a whole blob, or mounts one from another repository. */
export const startUpload: Handler<'uploads'> = async (parts, { context, route, query }) => {
  const { store, recorder } = parts;
  const { repository } = route;
  await admit(parts, context, { repository, kind: 'blob' });
  const mount = query.one('mount');
  if (mount !== undefined && isDigest(mount)) {
    const from = query.one('from');
    const blob = await mountBlob(parts, context, { repository, digest: mount, from });
    if (blob !== undefined) {
      const events = await recorder.record(context, [happening('mount', repository, blob, from)]);
      sendCreated(context, repository, blob);
      return events;
    }
  }
  const digest = digestParameter(query);
  if (digest !== undefined) {
    const blob = await store.uploads.put(repository, digest, incomingBytes(context));
    const events = await recorder.record(context, [happening('push', repository, blob)]);
    sendCreated(context, repository, blob);
    return events;
  }
  const status = await store.uploads.begin(repository, algorithmParameter(query));
  const minimum = parts.store.uploads.minimumChunk;
  const upload = { repository, ticket: await issueTicket(parts, context, { repository, id: status.id }) };
  sendProgress(context, 202, upload, status, minimum > 1 ? { 'oci-chunk-min-length': minimum } : {});
  return [];
};

/** end-5: adds bytes. */
export const appendUpload: Handler<'upload'> = async (parts, { context, route, query }) => {
  const { store, gatekeeper } = parts;
  const { repository, id } = route;
  await admit(parts, context, { repository, kind: 'blob' });
  const upload = ticketed(gatekeeper, repository, query);
  const status = await inOrder(context, upload, () =>
    store.uploads.append(repository, id, incomingBytes(context)),
  );
  sendProgress(context, 202, upload, status);
  return [];
};

/** end-6: adds the last bytes, if there are any, and closes the session. */
export const finishUpload: Handler<'upload'> = async (parts, { context, route, query }) => {
  const { store, gatekeeper, recorder } = parts;
  const { repository, id } = route;
  const digest = digestParameter(query);
  if (digest === undefined)
    throw new RegistryError('DIGEST_INVALID', "the query parameter 'digest' is missing");
  context.digest = digest;
  await admit(parts, context, { repository, kind: 'blob' });
  const blob = await inOrder(context, ticketed(gatekeeper, repository, query), () =>
    store.uploads.finish(repository, id, digest, incomingBytes(context)),
  );
  const events = await recorder.record(context, [happening('push', repository, blob)]);
  sendCreated(context, repository, blob);
  return events;
};

/** end-13: where the session stands. */
export const getUpload: Handler<'upload'> = async ({ store, gatekeeper }, { context, route, query }) => {
  const { repository, id } = route;
  const status = await store.uploads.status(repository, id);
  sendProgress(context, 204, ticketed(gatekeeper, repository, query), status);
  return [];
};

/** end-14: ends the session and gives its space back. */
export const cancelUpload: Handler<'upload'> = async ({ store }, { context, route }) => {
  await store.uploads.cancel(route.repository, route.id);
  context.send(204, {});
  return [];
};

/**
 * A mount that cannot be done is never an error: the client uploads instead. That goes for a source the caller may
 * not read as well, so existing and missing blobs look alike.
 */
async function mountBlob(
  { store, gatekeeper }: RegistryParts,
  context: RequestContext,
  { repository, digest, from }: { repository: string; digest: string; from: string | undefined },
): Promise<Blob | undefined> {
  context.digest = digest;
  if (from === undefined) {
    const own = await store.blobs.check(repository, digest);
    return own ?? (gatekeeper.isOpen ? store.blobs.mountFromAnywhere(repository, digest) : undefined);
  }
  if (!isRepositoryName(from)) return undefined;
  const access = [{ type: 'repository', name: from, action: 'pull' }] as const;
  if (!(await gatekeeper.permits(context.identity, access, context.address))) return undefined;
  return store.blobs.mount(from, repository, digest);
}

/** Where a session is, for its `Location`. */
interface UploadPlace {
  readonly repository: string;
  /** Says whose it is, where that is asked. */
  readonly ticket: string | undefined;
}

/** The ticket for who opens a session; none where nobody is asked who they are. */
async function issueTicket(
  { store, gatekeeper }: RegistryParts,
  context: RequestContext,
  upload: NamedUpload,
): Promise<string | undefined> {
  if (gatekeeper.isOpen) return undefined;
  const { identity } = context;
  const credentials = context.header('authorization');
  return store.uploads.tickets.issue(upload, { subject: identity?.subject, credentials });
}

/** A session's ticket stays the one it was opened with, which the request would not be here without. */
function ticketed({ isOpen }: RegistryParts['gatekeeper'], repository: string, query: Query): UploadPlace {
  return { repository, ticket: isOpen ? undefined : query.one(TICKET) };
}

/** Answers bytes out of order as the spec has it: 416, with where to go on. */
async function inOrder<Result>(
  context: RequestContext,
  upload: UploadPlace,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UploadOutOfOrder)) throw error;
    const headers = progressHeaders(context, upload, error);
    throw new RegistryError('BLOB_UPLOAD_INVALID', error.message, { status: 416, headers, cause: error });
  }
}

function digestParameter(query: Query): string | undefined {
  const digest = query.one('digest');
  if (digest === undefined || isDigest(digest)) return digest;
  throw new RegistryError(
    'DIGEST_INVALID',
    'the digest is to be sha256:<64 hex digits> or sha512:<128 hex digits>',
  );
}

function algorithmParameter(query: Query): Algorithm | undefined {
  const algorithm = query.one('digest-algorithm');
  if (algorithm === undefined || isAlgorithm(algorithm)) return algorithm;
  throw badQuery('digest-algorithm is to be sha256 or sha512');
}

function sendProgress(
  context: RequestContext,
  status: 202 | 204,
  upload: UploadPlace,
  progress: UploadStatus,
  headers: Readonly<Record<string, number>> = {},
): void {
  context.send(status, { ...progressHeaders(context, upload, progress), ...headers });
}

/** `Range` names the last byte; that of an empty upload and of a one-byte one read the same, as the spec has it. */
function progressHeaders(
  context: RequestContext,
  { repository, ticket }: UploadPlace,
  { id, offset }: UploadStatus,
): Record<'location' | 'range' | 'docker-upload-uuid', string> {
  const query = ticket === undefined ? '' : `?${TICKET}=${ticket}`;
  return {
    location: `${context.basePath}/v2/${repository}/blobs/uploads/${id}${query}`,
    range: `0-${Math.max(0, offset - 1)}`,
    'docker-upload-uuid': id,
  };
}

function sendCreated(context: RequestContext, repository: string, { digest }: Blob): void {
  context.digest = digest;
  context.send(201, {
    location: `${context.basePath}/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  });
}

function happening(
  action: 'push' | 'mount',
  repository: string,
  { digest, size }: Blob,
  from?: string,
): Happening {
  const target = { mediaType: mediaTypes.octetStream, digest, size };
  return {
    action,
    repository,
    kind: 'blob',
    target,
    ...(from === undefined ? {} : { fromRepository: from }),
  };
}
