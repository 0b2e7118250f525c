import { RegistryError, type ManifestSubmission } from '@entrepot/plugin-sdk';
import { isDigest, splitDigest } from '../digest.ts';
import type { Happening } from '../events/event-recorder.ts';
import { changeCondition, isNotModified } from '../http/conditions.ts';
import { isTag } from '../http/match-route.ts';
import { badQuery, type Query } from '../http/query.ts';
import { readBody } from '../http/read-body.ts';
import type { RequestContext } from '../http/request-context.ts';
import { parseManifest, type ParsedManifest } from '../manifest/parse-manifest.ts';
import type { Store } from '../store/index.ts';
import type { StoredManifest } from '../store/stored-manifest.ts';
import { admit } from './admission.ts';
import { assertDeletesEnabled } from './deletes.ts';
import { guardOf } from './guard.ts';
import { contentHeaders } from './headers.ts';
import type { RegistryParts } from './registry-parts.ts';
import type { Handler } from './routes.ts';
import { warningHeaders } from './warnings.ts';

/** Tags one push may set (the spec asks for at least 10). */
const MAX_TAGS = 100;
/** A blob that a `validateManifest` tap may look into: configs are small. */
const MAX_READABLE_BLOB = 4 * 1024 * 1024;
/** Children of an index whose platforms are told. */
const MAX_PLATFORMS = 100;
const PLATFORM_PART = /^[A-Za-z0-9._-]{1,32}$/;

/**
 * end-3: a manifest by tag or digest, with the bytes and the type it was pushed with. What `Accept` says does not
 * matter: there is one representation, and clients know what they cannot read.
 */
export const getManifest: Handler<'manifest'> = async ({ store, recorder }, { context, route }) => {
  const { repository, reference } = route;
  const immutable = isDigest(reference);
  const manifest = immutable
    ? await store.manifests.get(repository, reference)
    : await getTagged(store, repository, reference);
  if (manifest === undefined) throw unknown(reference);
  const { digest, mediaType, bytes } = manifest;
  context.digest = digest;
  const headers = contentHeaders({ digest, mediaType, size: bytes.length, immutable });
  if (isNotModified(context, digest)) {
    context.sendHead(304, { etag: headers['etag'], 'cache-control': headers['cache-control'] });
    return [];
  }
  if (context.method === 'HEAD') {
    context.sendHead(200, headers);
    return [];
  }
  context.send(200, headers, bytes);
  return recorder.tell(context, [
    happening('pull', repository, manifest, immutable ? {} : { tag: reference }),
  ]);
};

async function getTagged(
  { tags, manifests }: Store,
  repository: string,
  tag: string,
): Promise<StoredManifest | undefined> {
  const target = isTag(tag) ? await tags.get(repository, tag) : undefined;
  return target === undefined ? undefined : manifests.getTagged(repository, target.digest);
}

/** end-7: stores a manifest under its digest and points tags at it, if all that it refers to is there. */
export const putManifest: Handler<'manifest'> = async (parts, { context, route, query }) => {
  const { store, settings, recorder } = parts;
  const { repository, reference } = route;
  const byDigest = isDigest(reference);
  if (!byDigest && !isTag(reference)) throw badReference(reference);
  const tags = byDigest ? tagParameters(query) : [reference];
  await admit(parts, context, { repository, kind: 'manifest' });
  const bytes = await readBody(context, settings.manifests.maxBytes);
  const manifest = parseManifest(
    bytes,
    context.header('content-type'),
    byDigest ? splitDigest(reference).algorithm : 'sha256',
  );
  const { digest, subject } = manifest;
  context.digest = digest;
  if (byDigest && digest !== reference)
    throw new RegistryError('DIGEST_INVALID', undefined, { details: [{ digest }] });

  const warnings = await validate(parts, context, { repository, manifest, tags });
  const tagged = await store.manifests.put(repository, manifest, {
    tags,
    actor: context.identity?.subject,
    mayLack: settings.manifests.mayLack,
    condition: changeCondition(context),
    guard: guardOf(parts.hooks, context),
  });
  const stored = { digest, mediaType: manifest.mediaType, bytes };
  const platforms = platformsOf(manifest);
  const pushed = {
    ...(byDigest ? {} : { tag: reference }),
    ...(platforms.length === 0 ? {} : { platforms }),
  };
  const events = await recorder.record(context, [
    happening('push', repository, stored, pushed),
    ...tagged
      .filter(({ previous }) => previous !== digest)
      .map(({ tag, previous }) =>
        happening('tag', repository, stored, {
          tag,
          ...(previous === undefined ? {} : { previousDigest: previous }),
        }),
      ),
  ]);
  context.send(201, {
    location: `${context.basePath}/v2/${repository}/manifests/${byDigest ? digest : reference}`,
    'docker-content-digest': digest,
    ...(subject === undefined ? {} : { 'oci-subject': subject.digest }),
    ...(byDigest && tags.length > 0 ? { 'oci-tag': tags.join(', ') } : {}),
    ...warningHeaders(warnings),
  });
  return events;
};

/** Shows the manifest to the `validateManifest` taps, before anything is checked or stored. Gives their warnings. */
async function validate(
  { store, hooks }: RegistryParts,
  context: RequestContext,
  { repository, manifest, tags }: { repository: string; manifest: ParsedManifest; tags: readonly string[] },
): Promise<readonly string[]> {
  if (!hooks.validateManifest.isUsed()) return [];
  const warnings: string[] = [];
  const { digest, mediaType, bytes, json, blobs, manifests, subject } = manifest;
  const submission: ManifestSubmission = {
    repository,
    tags,
    digest,
    mediaType,
    bytes,
    json,
    blobs,
    manifests,
    subject,
    identity: context.identity,
    warn: (message) => warnings.push(message),
    async readBlob(wanted) {
      const blob = isDigest(wanted) ? await store.blobs.find(repository, wanted) : undefined;
      if (blob === undefined) return undefined;
      if (blob.size > MAX_READABLE_BLOB) {
        throw new RegistryError('MANIFEST_INVALID', `${wanted} is too large to be looked into`);
      }
      return store.blobs.bytes(blob);
    },
  };
  await hooks.validateManifest.promise(submission);
  return warnings;
}

/** end-9: a tag alone, or a manifest with its tags and its place among the referrers of its subject. */
export const deleteManifest: Handler<'manifest'> = async (parts, { context, route }) => {
  const { store, settings, recorder } = parts;
  const { repository, reference } = route;
  assertDeletesEnabled(settings, 'GET, HEAD, PUT');
  const deletion = {
    condition: changeCondition(context),
    actor: context.identity?.subject,
    guard: guardOf(parts.hooks, context),
  };
  if (isDigest(reference)) {
    context.digest = reference;
    const gone = await store.manifests.delete(repository, reference, subjectOf, deletion);
    if (gone === undefined) throw unknown(reference);
    const events = await recorder.record(context, [
      happening('delete', repository, gone.manifest),
      ...gone.tags.map((tag) => happening('delete', repository, gone.manifest, { tag })),
    ]);
    context.send(202, {});
    return events;
  }
  const tag = isTag(reference) ? await store.tags.delete(repository, reference, deletion) : undefined;
  if (tag === undefined) throw unknown(reference);
  const { digest, mediaType, size } = tag;
  context.digest = digest;
  const events = await recorder.record(context, [
    { action: 'delete', repository, kind: 'manifest', target: { digest, mediaType, size }, tag: reference },
  ]);
  context.send(202, {});
  return events;
};

/** The subject of a manifest that has been accepted before. */
function subjectOf({ bytes, mediaType, digest }: StoredManifest): string | undefined {
  return parseManifest(bytes, mediaType, splitDigest(digest).algorithm).subject?.digest;
}

function tagParameters(query: Query): readonly string[] {
  const tags = [...new Set(query.all('tag'))];
  for (const tag of tags) if (!isTag(tag)) throw badReference(tag);
  if (tags.length > MAX_TAGS) throw badQuery(`one push may set ${MAX_TAGS} tags`);
  return tags;
}

function happening(
  action: 'push' | 'pull' | 'delete' | 'tag',
  repository: string,
  { digest, mediaType, bytes }: Pick<StoredManifest, 'digest' | 'mediaType' | 'bytes'>,
  more: Pick<Happening, 'tag' | 'previousDigest' | 'platforms'> = {},
): Happening {
  return { action, repository, kind: 'manifest', target: { digest, mediaType, size: bytes.length }, ...more };
}

/** What an index has manifests for, as far as it says so in the way of the OCI image-spec. */
function platformsOf({ manifests }: ParsedManifest): readonly string[] {
  const platforms = manifests.slice(0, MAX_PLATFORMS).flatMap(({ platform }) => {
    const { os, architecture, variant } = platform ?? {};
    const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
    return parts.every((part) => typeof part === 'string' && PLATFORM_PART.test(part))
      ? [parts.join('/')]
      : [];
  });
  return [...new Set(platforms)];
}

function badReference(reference: string): RegistryError {
  const message =
    'a reference is a digest, or a tag of up to 128 letters, digits, _ . and -, not beginning with . or -';
  return new RegistryError(reference.includes(':') ? 'DIGEST_INVALID' : 'MANIFEST_INVALID', message);
}

function unknown(reference: string): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', undefined, { details: [{ reference }] });
}
