import { expectStatus } from '../oci/pushes.ts';
import {
  contentOf,
  imageOf,
  indexOf,
  noise,
  types,
  type Content,
  type ManifestContent,
} from '../oci/content.ts';
import { ask } from '../e2e/asking.ts';
import { mount, uploadShapes, type Upload } from './upload-shapes.ts';

/** Where the layer lies that images mount. */
export const baseRepository = 'base/os';
export const baseLayer = contentOf(noise(80_000, 4711));

/** Bytes of a layer that no bucket takes in one part of the tests' registries, and not in two either. */
const large = 11 * 1024 ** 2;

/** An image with a layer of every shape of upload, and an index over it. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
  readonly blobs: readonly { readonly content: Content; readonly upload: Upload }[];
  readonly manifest: ManifestContent;
  readonly index: ManifestContent;
}

/** The image of this number: each is another one, in one of seven repositories. Of every eight, one has a large layer. */
export function image(number: number): Image {
  const layer = (length: number, shape: number): Content => contentOf(noise(length, number * 10 + shape));
  const config = contentOf(JSON.stringify({ architecture: 'amd64', os: 'linux', number }));
  const blobs = [
    { content: config, upload: uploadShapes.post },
    { content: layer(30_000, 1), upload: uploadShapes.post },
    { content: layer(40_000, 2), upload: uploadShapes.postAndPut },
    { content: layer(150_000, 3), upload: uploadShapes.stream },
    { content: layer(number % 8 === 0 ? large : 60_000, 4), upload: uploadShapes.chunks },
  ];
  const layers = [baseLayer, ...blobs.slice(1).map(({ content }) => content)];
  const manifest = imageOf(config, layers);
  const index = indexOf([manifest], { annotations: { number: String(number) } });
  return { repository: `team-${number % 7}/app`, tag: `v${number}`, blobs, manifest, index };
}

/**
 * Pushes with four blobs at once, as clients do, each operation by `attempt`, which may repeat it: the layer that is
 * mounted, a blob, the manifest, the index under its tag.
 */
export async function push(
  url: string,
  { repository, tag, blobs, manifest, index }: Image,
  attempt: (operation: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  await attempt(() => mount(url, repository, baseLayer, baseRepository));
  await Promise.all(
    blobs.map(({ content, upload }) =>
      attempt(async () => {
        const { status } = await ask(url, 'HEAD', `/v2/${repository}/blobs/${content.digest}`);
        if (status !== 200) await upload(url, repository, content);
      }),
    ),
  );
  await attempt(() => putManifest(url, repository, manifest.digest, manifest));
  await attempt(() => putManifest(url, repository, tag, index));
}

/** Pulls all of an image, by its tag. @throws Error when anything is not there, or not what was pushed. */
export async function pull(url: string, { repository, tag, blobs, manifest, index }: Image): Promise<void> {
  const path = `/v2/${repository}`;
  await expectBytes(url, `${path}/manifests/${tag}`, index);
  await expectBytes(url, `${path}/manifests/${manifest.digest}`, manifest);
  for (const content of [baseLayer, ...blobs.map((blob) => blob.content)])
    await expectBytes(url, `${path}/blobs/${content.digest}`, content);
}

async function putManifest(
  url: string,
  repository: string,
  reference: string,
  { mediaType, bytes }: ManifestContent,
): Promise<void> {
  const headers = { 'content-type': mediaType };
  const path = `/v2/${repository}/manifests/${reference}`;
  expectStatus(await ask(url, 'PUT', path, { headers, body: bytes }), 201);
}

/** Follows where the registry sends it to, as clients do. */
async function expectBytes(url: string, path: string, { bytes, digest }: Content): Promise<void> {
  const response = await fetch(url + path, { headers: { accept: `${types.index}, ${types.manifest}` } });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`the answer is ${response.status}: ${body.toString()}`);
  if (!body.equals(bytes)) throw new Error(`the bytes of ${digest} are others`);
}
