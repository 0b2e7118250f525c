import { createHash } from 'node:crypto';

/** What a push by plain HTTP needs to know. */
export interface Target {
  /** Of the registry, without a slash at the end. */
  readonly url: string;
  readonly repository: string;
  readonly tag: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What an image says of itself. */
export interface ImageContent {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** The bytes of its only layer. */
  readonly layer?: Uint8Array;
}

const octetStream = 'application/octet-stream';
export const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Pushes an image of one layer as a client does, and gives the answer to its manifest.
 * @throws Error when a blob is refused.
 */
export async function pushImage(target: Target, content: ImageContent = {}): Promise<Response> {
  const { annotations, labels = {}, layer = Buffer.from('a layer') } = content;
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: labels } }),
  );
  await pushBlob(target, config);
  await pushBlob(target, layer);
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
    ...(annotations && { annotations }),
  };
  return fetch(`${target.url}/v2/${target.repository}/manifests/${target.tag}`, {
    method: 'PUT',
    headers: { ...target.headers, 'content-type': manifestType },
    body: JSON.stringify(manifest),
  });
}

/** Pushes a blob in two requests. @throws Error when it is refused. */
export async function pushBlob(
  { url, repository, headers }: Omit<Target, 'tag'>,
  bytes: Uint8Array,
): Promise<void> {
  const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, {
    method: 'POST',
    headers: { ...headers },
  });
  const location = begun.headers.get('location');
  if (begun.status !== 202 || location === null)
    throw new Error(`an upload is refused: ${await begun.text()}`);
  const end = new URL(location, url);
  end.searchParams.append('digest', digestOf(bytes));
  const finished = await fetch(end, {
    method: 'PUT',
    headers: { ...headers, 'content-type': octetStream },
    body: Buffer.from(bytes),
  });
  if (finished.status !== 201) throw new Error(`a blob is refused: ${await finished.text()}`);
}

/** Status and body of a pull of the manifest. */
export async function pullManifest({ url, repository, tag, headers }: Target): Promise<Response> {
  return fetch(`${url}/v2/${repository}/manifests/${tag}`, { headers: { ...headers } });
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function descriptor(mediaType: string, bytes: Uint8Array): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
