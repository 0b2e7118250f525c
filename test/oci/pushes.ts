import { contentOf, imageOf, type Content, type ManifestContent } from './content.ts';
import type { Answer } from './http-client.ts';
import type { ServedRegistry } from './served-registry.ts';

/** @throws Error with the answer, when it is not `status`. */
export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  throw new Error(`the answer is ${answer.status}, not ${status}: ${answer.body.toString()}`);
}

/** Pushes a blob in one request. */
export async function pushBlob(
  registry: ServedRegistry,
  repository: string,
  blob: Content | Buffer | string,
): Promise<Content> {
  const content = typeof blob === 'string' || Buffer.isBuffer(blob) ? contentOf(blob) : blob;
  const path = `/v2/${repository}/blobs/uploads/?digest=${content.digest}`;
  expectStatus(await registry.post(path, { body: content.bytes }), 201);
  return content;
}

/** Sends a manifest; the answer may be anything. */
export function putManifest(
  registry: ServedRegistry,
  repository: string,
  reference: string,
  { bytes, mediaType }: Omit<ManifestContent, 'digest'>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return registry.put(`/v2/${repository}/manifests/${reference}`, {
    headers: { 'content-type': mediaType, ...headers },
    body: bytes,
  });
}

/** Pushes a manifest under a tag, or its digest. */
export async function pushManifest<Manifest extends ManifestContent>(
  registry: ServedRegistry,
  repository: string,
  manifest: Manifest,
  reference: string = manifest.digest,
): Promise<Manifest> {
  expectStatus(await putManifest(registry, repository, reference, manifest), 201);
  return manifest;
}

/** An image of one layer in the registry. */
export interface PushedImage {
  readonly config: Content;
  readonly layer: Content;
  readonly manifest: ManifestContent;
}

/** Pushes an image; each `name` gives another. */
export async function pushImage(
  registry: ServedRegistry,
  repository: string,
  tag: string,
  name: string = tag,
): Promise<PushedImage> {
  const [config, layer] = await Promise.all([
    pushBlob(registry, repository, JSON.stringify({ architecture: 'amd64', os: 'linux', name })),
    pushBlob(registry, repository, `layer of ${name}`),
  ]);
  const manifest = await pushManifest(registry, repository, imageOf(config, [layer]), tag);
  return { config, layer, manifest };
}

/** Begins an upload and gives the path to send it to. */
export async function beginUpload(registry: ServedRegistry, repository: string, query = ''): Promise<string> {
  const { headers } = expectStatus(await registry.post(`/v2/${repository}/blobs/uploads/${query}`), 202);
  return locationOf(headers);
}

/** @throws Error when there is no `Location`. */
export function locationOf({ location }: Answer['headers']): string {
  if (location === undefined) throw new Error('the answer has no Location');
  return location;
}
