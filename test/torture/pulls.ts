import type { Client } from './client.ts';
import type { Answer } from './http.ts';
import { digestOf, type Content, type PushedManifest, type RepositoryLedger } from './ledger.ts';
import { manifestPath, tagPath } from './manifests.ts';
import { blobPath } from './uploads.ts';

/** Pulls what a tag leads to, and holds it against what it may lead to. @throws Unanswered */
export async function pullTag(client: Client, repository: RepositoryLedger, name: string): Promise<void> {
  const { ledger } = client;
  const object = tagPath(repository, name);
  const from = ledger.next();
  const answer = await client.ask(object, {
    method: 'GET',
    path: `/v2/${repository.name}/manifests/${name}`,
  });
  const possible = repository.tag(name).possible(from, ledger.next());
  const digest = tagTarget(client, object, answer);
  if (digest === undefined) {
    if (answer.status === 404 && !possible.has(undefined))
      ledger.found('lost', object, `it is gone; it is to be ${[...possible].join(' or ')}`);
    return;
  }
  if (!possible.has(digest))
    ledger.found('wrong', object, `it is ${digest}; it is to be ${[...possible].join(' or ')}`);
  const manifest = repository.manifests.get(digest);
  if (manifest !== undefined) await pullManifest(client, repository, manifest);
}

/** The digest of what came for a tag; `undefined` when nothing did. */
export function tagTarget(client: Client, object: string, answer: Answer): string | undefined {
  if (answer.status !== 200) {
    if (answer.status !== 404 && answer.status < 500)
      client.ledger.found('wrong', object, `GET is answered with ${answer.status}`);
    return undefined;
  }
  const digest = digestOf(answer.body);
  client.expectDigest(object, answer, String(answer.headers['docker-content-digest']));
  return digest;
}

/** Pulls a manifest by its digest, and one of its blobs. @throws Unanswered */
export async function pullManifest(
  client: Client,
  repository: RepositoryLedger,
  manifest: PushedManifest,
): Promise<void> {
  const { ledger } = client;
  const { digest, blobs } = manifest;
  const object = manifestPath(repository, digest);
  const from = ledger.next();
  const answer = await client.ask(object, {
    method: 'GET',
    path: `/v2/${repository.name}/manifests/${digest}`,
  });
  const possible = repository.manifest(manifest).there.possible(from, ledger.next());
  if (answer.status === 404) {
    if (!possible.has(false)) ledger.found('lost', object, 'it is gone');
    return;
  }
  if (answer.status !== 200) return;
  client.expectDigest(object, answer, digest);
  if (!possible.has(true)) ledger.found('wrong', object, 'it has been deleted and is there');
  if (blobs.length === 0) return;
  await pullBlob(client, repository, client.random.pick(blobs));
}

/** Pulls a blob, whole or a part of it. @throws Unanswered */
export async function pullBlob(client: Client, repository: RepositoryLedger, digest: string): Promise<void> {
  const { ledger, random } = client;
  const blob = repository.blobs.get(digest);
  if (blob === undefined) return;
  const object = blobPath(repository, digest);
  const { length } = blob.bytes;
  const start = length > 1 && random.chance(0.3) ? random.below(length - 1) : undefined;
  const headers = start === undefined ? {} : { range: `bytes=${start}-${length - 2}` };
  const from = ledger.next();
  const path = `/v2/${repository.name}/blobs/${digest}`;
  const answer = await client.ask(object, { method: 'GET', path, headers });
  const possible = repository.blob(blob).there.possible(from, ledger.next());
  if (answer.status === 404) {
    if (!possible.has(false)) ledger.found('lost', object, 'it is gone');
  } else if (answer.status === 206 && start !== undefined) {
    if (!answer.body.equals(blob.bytes.subarray(start, length - 1)))
      ledger.found('wrong', object, `a 206 from ${start} on has other bytes`);
  } else if (answer.status === 200 && start === undefined) client.expectDigest(object, answer, digest);
  else if (answer.status < 500) ledger.found('wrong', object, `GET is answered with ${answer.status}`);
}

/** HEAD of a blob. @throws Unanswered */
export async function isBlobThere(
  client: Client,
  repository: RepositoryLedger,
  content: Content,
): Promise<boolean> {
  const { ledger } = client;
  const object = blobPath(repository, content.digest);
  const from = ledger.next();
  const path = `/v2/${repository.name}/blobs/${content.digest}`;
  const { status, headers } = await client.ask(object, { method: 'HEAD', path });
  const possible = repository.blob(content).there.possible(from, ledger.next());
  if (status === 404 && !possible.has(false)) ledger.found('lost', object, 'it is gone');
  if (status === 200 && headers['content-length'] !== String(content.bytes.length))
    ledger.found('wrong', object, `HEAD tells of ${headers['content-length']} bytes`);
  return status === 200;
}
