import { digestOf, manifestType, type Image } from './image.ts';

/** A repository, as its clients reach it. */
export interface Target {
  readonly url: string;
  readonly repository: string;
}

/** How a client sees something: `whole`, as it was pushed; `gone`, a 404; or what should never be. */
export type Sight = 'whole' | 'gone' | 'unavailable' | `wrong: ${string}`;

/** Everything that can be asked about an image. */
export type View = Readonly<Record<string, Sight>>;

const tag = 'v1';

/** Pushes all of an image, as a client does that asks first what is there already. */
export async function pushImage(
  target: Target,
  { config, small, large, manifest, artifact }: Image,
): Promise<void> {
  for (const blob of [config, small, large]) await pushBlob(target, blob);
  await pushManifest(target, tag, manifest);
  await pushManifest(target, digestOf(artifact), artifact);
}

/** Uploads a blob unless it is there. */
export async function pushBlob(target: Target, bytes: Buffer): Promise<void> {
  const there = await fetch(`${baseOf(target)}/blobs/${digestOf(bytes)}`, { method: 'HEAD' });
  if (there.status !== 200) await uploadBlob(target, bytes);
}

/** Uploads a blob without asking. @throws Error when it is refused. */
export async function uploadBlob(target: Target, bytes: Buffer): Promise<void> {
  const begun = await fetch(`${baseOf(target)}/blobs/uploads/`, { method: 'POST' });
  const location = begun.headers.get('location');
  if (location === null) throw new Error(`no upload begins: ${begun.status} ${await begun.text()}`);
  const url = `${target.url}${location}?digest=${digestOf(bytes)}`;
  await expectStatus(201, await fetch(url, { method: 'PUT', body: bytes }));
}

/** @throws Error when it is refused. */
export async function pushManifest(
  target: Target,
  reference: string,
  body: Buffer,
  type = manifestType,
): Promise<void> {
  const headers = { 'content-type': type };
  const url = `${baseOf(target)}/manifests/${reference}`;
  await expectStatus(201, await fetch(url, { method: 'PUT', headers, body }));
}

/** Looks at an image from all sides. */
export async function view(target: Target, image: Image): Promise<View> {
  const base = baseOf(target);
  const { config, small, large, manifest, artifact } = image;
  const blob = (bytes: Buffer): string => `${base}/blobs/${digestOf(bytes)}`;
  return {
    tag: await content(`${base}/manifests/${tag}`, manifest),
    manifest: await content(`${base}/manifests/${digestOf(manifest)}`, manifest),
    artifact: await content(`${base}/manifests/${digestOf(artifact)}`, artifact),
    config: await content(blob(config), config),
    small: await content(blob(small), small),
    large: await content(blob(large), large),
    range: await content(blob(large), large.subarray(5, 90_000), { range: 'bytes=5-89999' }),
    tags: await listed(`${base}/tags/list`, tag),
    catalog: await listed(`${target.url}/v2/_catalog`, target.repository),
    referrers: await listed(`${base}/referrers/${digestOf(manifest)}`, digestOf(artifact)),
  };
}

/** What of a view is not whole. */
export function flawsOf(found: View): View {
  return Object.fromEntries(Object.entries(found).filter(([, sight]) => sight !== 'whole'));
}

async function content(url: string, bytes: Buffer, headers: Record<string, string> = {}): Promise<Sight> {
  const [head, got] = await Promise.all([fetch(url, { method: 'HEAD' }), fetch(url, { headers })]);
  const body = Buffer.from(await got.arrayBuffer());
  if (got.ok) return body.equals(bytes) ? 'whole' : `wrong: ${got.status} with other bytes`;
  if (head.status !== got.status) return `wrong: HEAD says ${head.status}, GET ${got.status}`;
  return absence(got, body.toString());
}

async function listed(url: string, name: string): Promise<Sight> {
  const answer = await fetch(url);
  const text = await answer.text();
  if (!answer.ok) return absence(answer, text);
  return text.includes(`"${name}"`) ? 'whole' : 'gone';
}

/** A refusal has a reason: the error body of the spec. */
function absence({ status }: Response, text: string): Sight {
  if (!text.includes('"errors":[{"code":')) return `wrong: ${status} without a reason`;
  if (status === 404) return 'gone';
  return status === 503 ? 'unavailable' : `wrong: ${status} ${text}`;
}

async function expectStatus(expected: number, answer: Response): Promise<void> {
  const text = await answer.text();
  if (answer.status !== expected) throw new Error(`${answer.url} answers ${answer.status}: ${text}`);
}

function baseOf({ url, repository }: Target): string {
  return `${url}/v2/${repository}`;
}
