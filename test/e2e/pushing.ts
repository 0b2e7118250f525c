import type { Answer } from '../oci/http-client.ts';
import { contentOf, imageOf, noise, type Content, type ManifestContent } from '../oci/content.ts';
import { expectStatus, locationOf } from '../oci/pushes.ts';
import { ask } from './asking.ts';

/** An image, and where it is to be pushed. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
  readonly config: Content;
  readonly layers: readonly Content[];
  readonly manifest: ManifestContent;
}

/** Images of two layers that they share with others and one of their own, in several repositories. */
export function images(count: number): Image[] {
  const shared = Array.from({ length: 7 }, (_, index) => contentOf(noise(40_000 + index, 1000 + index)));
  return Array.from({ length: count }, (_, index) => {
    const own = contentOf(noise(20_000 + index, index));
    const layers = [...shared.slice(index % 6, (index % 6) + 2), own];
    const config = contentOf(JSON.stringify({ architecture: 'amd64', os: 'linux', index }));
    return {
      repository: `team-${index % 9}/app`,
      tag: `v${index}`,
      config,
      layers,
      manifest: imageOf(config, layers),
    };
  });
}

/** Pushes as Docker does, a blob in two chunks after the other and then the manifest. @throws Error when an answer is not the right one. */
export async function push(url: string, { repository, tag, config, layers, manifest }: Image): Promise<void> {
  for (const blob of [...layers, config]) await pushBlob(url, repository, blob);
  const headers = { 'content-type': manifest.mediaType };
  const path = `/v2/${repository}/manifests/${tag}`;
  expectStatus(await ask(url, 'PUT', path, { headers, body: manifest.bytes }), 201);
}

/** As {@link push}; what fails is pushed once more from its beginning, as clients do. Gives how often it failed. */
export async function pushAgain(url: string, image: Image): Promise<number> {
  try {
    await push(url, image);
    return 0;
  } catch {
    await push(url, image);
    return 1;
  }
}

/** Pulls all of an image. @throws Error when anything is not there, or not what was pushed. */
export async function pull(url: string, { repository, tag, config, layers, manifest }: Image): Promise<void> {
  expectBytes(await ask(url, 'GET', `/v2/${repository}/manifests/${tag}`), manifest);
  for (const blob of [...layers, config])
    expectBytes(await ask(url, 'GET', `/v2/${repository}/blobs/${blob.digest}`), blob);
}

async function pushBlob(url: string, repository: string, { bytes, digest }: Content): Promise<void> {
  const known = await ask(url, 'HEAD', `/v2/${repository}/blobs/${digest}`);
  if (known.status === 200) return;
  expectStatus(known, 404);
  const half = Math.floor(bytes.length / 2);
  let location = locationOf(
    expectStatus(await ask(url, 'POST', `/v2/${repository}/blobs/uploads/`), 202).headers,
  );
  for (const body of [bytes.subarray(0, half), bytes.subarray(half)])
    location = locationOf(expectStatus(await ask(url, 'PATCH', location, { body }), 202).headers);
  const mark = location.includes('?') ? '&' : '?';
  expectStatus(await ask(url, 'PUT', `${location}${mark}digest=${digest}`), 201);
}

function expectBytes(answer: Answer, { bytes, digest }: Content): void {
  if (!expectStatus(answer, 200).body.equals(bytes)) throw new Error(`the bytes of ${digest} are others`);
}
