import type { Client } from './client.ts';
import { contentOf, type Content, type PushedManifest, type RepositoryLedger } from './ledger.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** An image of these blobs; the first one is its config. With `subject`, a referrer of that. */
export function imageOf(
  repository: RepositoryLedger,
  blobs: readonly Content[],
  { note, subject }: { readonly note: string; readonly subject?: PushedManifest },
): PushedManifest {
  const descriptors = blobs.map(({ digest, bytes }) => ({ mediaType: LAYER, digest, size: bytes.length }));
  const json = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: descriptors[0],
    layers: descriptors.slice(1),
    annotations: { note },
    ...(subject === undefined ? {} : { subject: descriptorOf(subject) }),
  };
  return manifestOf(repository, json, {
    mediaType: IMAGE,
    blobs: digestsOf(blobs),
    children: [],
    subject: subject?.digest,
  });
}

/** An index of these manifests. */
export function indexOf(repository: RepositoryLedger, children: readonly PushedManifest[]): PushedManifest {
  const json = { schemaVersion: 2, mediaType: INDEX, manifests: children.map(descriptorOf) };
  return manifestOf(repository, json, {
    mediaType: INDEX,
    blobs: [],
    children: digestsOf(children),
    subject: undefined,
  });
}

/** PUT of a manifest: by a tag, by its digest, or by its digest with several tags. @throws Unanswered */
export async function putManifest(
  client: Client,
  repository: RepositoryLedger,
  manifest: PushedManifest,
  tags: readonly string[],
): Promise<void> {
  const { digest, mediaType, bytes } = manifest;
  const [tag] = tags;
  const byTag = tag !== undefined && tags.length === 1;
  const query = byTag ? '' : tags.map((name, index) => `${index === 0 ? '?' : '&'}tag=${name}`).join('');
  const path = `/v2/${repository.name}/manifests/${byTag ? tag : digest}${query}`;
  for (const name of tags)
    client.ledger.note(tagPath(repository, name), `to be ${digest}, by ${client.name}`);
  const asked = { method: 'PUT', path, body: bytes, headers: { 'content-type': mediaType } };
  await client.change(manifestPath(repository, digest), asked, {
    begin: (from) => [
      repository.manifest(manifest).there.change(true, from),
      repository.manifest(manifest).listed.change(true, from),
      ...tags.map((name) => repository.tag(name).change(digest, from)),
    ],
    done: 201,
  });
}

/** DELETE by digest: the manifest goes, and each tag that leads to it. @throws Unanswered */
export async function deleteManifest(
  client: Client,
  repository: RepositoryLedger,
  manifest: PushedManifest,
): Promise<void> {
  const { digest } = manifest;
  for (const [name] of repository.tags) {
    client.ledger.note(tagPath(repository, name), `no longer to be ${digest}, by ${client.name}`);
  }
  const object = manifestPath(repository, digest);
  const began = client.ledger.next();
  const asked = { method: 'DELETE', path: `/v2/${repository.name}/manifests/${digest}` };
  const { status } = await client.change(object, asked, {
    begin: (from) => [
      repository.manifest(manifest).there.change(false, from),
      repository.manifest(manifest).listed.change(false, from),
      ...[...repository.tags.values()].map((tag) => tag.change(undefined, from, digest)),
    ],
    done: 202,
    refusals: [404],
  });
  if (
    status === 404 &&
    !repository.manifest(manifest).there.possible(began, client.ledger.next()).has(false)
  ) {
    client.ledger.found('lost', object, 'a manifest that is to be deleted is not there');
  }
}

/** DELETE by tag. @throws Unanswered */
export async function deleteTag(client: Client, repository: RepositoryLedger, name: string): Promise<void> {
  const tag = repository.tag(name);
  const began = client.ledger.next();
  const asked = { method: 'DELETE', path: `/v2/${repository.name}/manifests/${name}` };
  const { status } = await client.change(tagPath(repository, name), asked, {
    begin: (from) => [tag.change(undefined, from)],
    done: 202,
    refusals: [404],
  });
  if (status === 404 && !tag.possible(began, client.ledger.next()).has(undefined)) {
    client.ledger.found('lost', tagPath(repository, name), 'a tag that is to be deleted is not there');
  }
}

export function manifestPath({ name }: RepositoryLedger, digest: string): string {
  return `${name}/manifests/${digest}`;
}

export function tagPath({ name }: RepositoryLedger, tag: string): string {
  return `${name}/tags/${tag}`;
}

function manifestOf(
  repository: RepositoryLedger,
  json: object,
  rest: Pick<PushedManifest, 'mediaType' | 'blobs' | 'children' | 'subject'>,
): PushedManifest {
  return repository.manifest({ ...contentOf(Buffer.from(JSON.stringify(json))), ...rest });
}

function digestsOf(contents: readonly Content[]): string[] {
  return contents.map(({ digest }) => digest);
}

function descriptorOf({ mediaType, digest, bytes }: PushedManifest): object {
  return { mediaType, digest, size: bytes.length };
}
