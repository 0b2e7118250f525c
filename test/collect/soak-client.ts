import { setTimeout as pause } from 'node:timers/promises';
import {
  contentOf,
  descriptor,
  imageOf,
  indexOf,
  type Content,
  type ManifestContent,
} from '../oci/content.ts';
import type { Random } from '../torture/random.ts';

/** An image that a client has pushed, and all that is needed to push it again. */
export interface SoakImage {
  readonly repository: string;
  /** What the tag names: an image, or an index of images. */
  readonly top: ManifestContent;
  /** The images of an index. */
  readonly children: readonly ManifestContent[];
  readonly signature: ManifestContent | undefined;
  readonly blobs: readonly Content[];
}

/** What many clients use: repositories, and layers that come and go. */
export interface Commons {
  readonly url: string;
  readonly repositories: readonly string[];
  readonly layers: readonly Content[];
  /** How long a client dawdles in the middle of a push at most, in milliseconds: less than the grace. */
  readonly dawdle: number;
  readonly count: (what: string) => void;
}

/**
 * One client: pushes images and indexes with signatures under tags of its own, moves the tags, deletes tags and
 * manifests, and pulls what it has. Whatever is answered otherwise than the protocol promises is an error.
 */
export class SoakClient {
  readonly #name: string;
  readonly #commons: Commons;
  readonly #random: Random;
  /** What each tag names, by repository and tag. */
  readonly #tags = new Map<string, SoakImage>();
  /** Images that have been pushed once, tagged or not. */
  readonly #known: SoakImage[] = [];
  #made = 0;

  constructor(name: string, commons: Commons, random: Random) {
    this.#name = name;
    this.#commons = commons;
    this.#random = random;
  }

  /** Works until told to stop. @throws Error when an answer is not the right one. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const chance = this.#random.next();
      if (chance < 0.35) await this.#pushNew();
      else if (chance < 0.5) await this.#pushAgain();
      else if (chance < 0.6) await this.#deleteTag();
      else if (chance < 0.7) await this.#deleteManifest();
      else if (chance < 0.75) await this.#uploadInVain();
      else await this.#pullOne();
    }
  }

  /** Pulls everything that has a tag. @throws Error when anything is not as it was pushed. */
  async pullAll(): Promise<number> {
    for (const [place, image] of this.#tags) await this.#pull(place, image);
    return this.#tags.size;
  }

  /** Deletes every tag. */
  async deleteAll(): Promise<void> {
    while (this.#tags.size > 0) await this.#deleteTag();
  }

  async #pushNew(): Promise<void> {
    const image = this.#make();
    this.#known.push(image);
    if (this.#known.length > 30) this.#known.shift();
    await this.#push(image);
  }

  /** An image that was pushed once, and may have been deleted and collected since, gets a tag. */
  async #pushAgain(): Promise<void> {
    if (this.#known.length > 0) await this.#push(this.#random.pick(this.#known));
  }

  #make(): SoakImage {
    const repository = this.#random.pick(this.#commons.repositories);
    const count = this.#random.chance(0.3) ? 2 : 1;
    const blobs: Content[] = [];
    const images = Array.from({ length: count }, () => {
      this.#made += 1;
      const config = contentOf(JSON.stringify({ client: this.#name, made: this.#made }));
      const layers = [this.#random.pick(this.#commons.layers), this.#random.pick(this.#commons.layers)];
      if (this.#random.chance(0.7))
        layers.push(contentOf(this.#random.bytes(1 + this.#random.below(60_000))));
      blobs.push(config, ...layers);
      return imageOf(config, layers);
    });
    const [first] = images;
    const top =
      first === undefined || count > 1
        ? indexOf(images, { annotations: { made: String(this.#made) } })
        : first;
    if (!this.#random.chance(0.3))
      return { repository, top, children: count > 1 ? images : [], signature: undefined, blobs };
    const config = contentOf(JSON.stringify({ signs: top.digest }));
    const signature = imageOf(config, [], { subject: descriptor(top, top.mediaType) });
    return { repository, top, children: count > 1 ? images : [], signature, blobs: [...blobs, config] };
  }

  /** As docker does it: asks for each blob, mounts or sends what is not there, then the manifests, then the tag. */
  async #push(image: SoakImage): Promise<void> {
    const { repository, top, children, signature, blobs } = image;
    await Promise.all([...new Set(blobs)].map((blob) => this.#pushBlob(repository, blob)));
    if (this.#random.chance(0.2)) await pause(this.#random.next() * this.#commons.dawdle);
    for (const child of children) await this.#pushChild(repository, child);
    if (this.#random.chance(0.1)) await pause(this.#random.next() * this.#commons.dawdle);
    const tag = `${this.#name}-${this.#random.below(4)}`;
    await this.#putManifest(repository, tag, top);
    this.#tags.set(`${repository} ${tag}`, image);
    if (signature !== undefined) await this.#putManifest(repository, signature.digest, signature);
    this.#commons.count('pushes');
  }

  async #pushBlob(repository: string, { bytes, digest }: Content): Promise<void> {
    const base = `/v2/${repository}/blobs`;
    const head = await this.#ask('HEAD', `${base}/${digest}`, [200, 404]);
    if (head.status === 200) return this.#commons.count('blobs found');
    const other = this.#random.pick(this.#commons.repositories);
    const mounting = `?mount=${digest}&from=${encodeURIComponent(other)}`;
    const begun = await this.#ask(
      'POST',
      `${base}/uploads/${this.#random.chance(0.5) ? mounting : ''}`,
      [201, 202],
    );
    if (begun.status === 201) return this.#commons.count('blobs mounted');
    const location = begun.headers.get('location') ?? '';
    const half = Math.floor(bytes.length / 2);
    if (this.#random.chance(0.3) && half > 0) {
      const sent = await this.#ask('PATCH', location, [202], { body: bytes.subarray(0, half) });
      const next = sent.headers.get('location') ?? '';
      await this.#ask('PUT', withDigest(next, digest), [201], { body: bytes.subarray(half) });
    } else await this.#ask('PUT', withDigest(location, digest), [201], { body: bytes });
    this.#commons.count('blobs sent');
  }

  /** As builders do it: a child that is there is not pushed again. */
  async #pushChild(repository: string, child: ManifestContent): Promise<void> {
    const path = `/v2/${repository}/manifests/${child.digest}`;
    const head = await this.#ask('HEAD', path, [200, 404]);
    if (head.status === 404) await this.#putManifest(repository, child.digest, child);
  }

  async #putManifest(
    repository: string,
    reference: string,
    { bytes, mediaType }: ManifestContent,
  ): Promise<void> {
    const headers = { 'content-type': mediaType };
    await this.#ask('PUT', `/v2/${repository}/manifests/${reference}`, [201], { body: bytes, headers });
  }

  /** A blob that no manifest will ever need. */
  async #uploadInVain(): Promise<void> {
    const repository = this.#random.pick(this.#commons.repositories);
    await this.#pushBlob(repository, contentOf(this.#random.bytes(20_000)));
  }

  async #deleteTag(): Promise<void> {
    const place = this.#anyPlace();
    if (place === undefined) return;
    const [repository = '', tag = ''] = place.split(' ');
    await this.#ask('DELETE', `/v2/${repository}/manifests/${tag}`, [202]);
    this.#tags.delete(place);
    this.#commons.count('tags deleted');
  }

  /** The manifest goes, and every tag that names it. */
  async #deleteManifest(): Promise<void> {
    const image = this.#tags.get(this.#anyPlace() ?? '');
    if (image === undefined) return;
    await this.#ask('DELETE', `/v2/${image.repository}/manifests/${image.top.digest}`, [202]);
    for (const [place, tagged] of this.#tags)
      if (tagged.top.digest === image.top.digest && tagged.repository === image.repository)
        this.#tags.delete(place);
    this.#commons.count('manifests deleted');
  }

  async #pullOne(): Promise<void> {
    const place = this.#anyPlace();
    const image = this.#tags.get(place ?? '');
    if (place !== undefined && image !== undefined) await this.#pull(place, image);
  }

  async #pull(place: string, { repository, top, children, signature, blobs }: SoakImage): Promise<void> {
    const tag = place.split(' ')[1] ?? '';
    await this.#expectBytes(`/v2/${repository}/manifests/${tag}`, top);
    for (const child of children)
      await this.#expectBytes(`/v2/${repository}/manifests/${child.digest}`, child);
    for (const blob of new Set(blobs))
      await this.#expectBytes(`/v2/${repository}/blobs/${blob.digest}`, blob);
    if (signature !== undefined) {
      const listed = await this.#ask('GET', `/v2/${repository}/referrers/${top.digest}`, [200]);
      if (!(await listed.text()).includes(signature.digest))
        throw new Error(`${place}: its signature is not listed`);
      await this.#expectBytes(`/v2/${repository}/manifests/${signature.digest}`, signature);
    }
    this.#commons.count('pulls');
  }

  async #expectBytes(path: string, { bytes }: Content): Promise<void> {
    const answer = await this.#ask('GET', path, [200]);
    if (!Buffer.from(await answer.arrayBuffer()).equals(bytes)) throw new Error(`${path} has other bytes`);
  }

  async #ask(
    method: string,
    path: string,
    expected: readonly number[],
    {
      body,
      headers = {},
    }: { readonly body?: Buffer; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Response> {
    const answer = await fetch(this.#commons.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    });
    this.#commons.count('requests');
    if (!expected.includes(answer.status))
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    // A body that nobody reads keeps its connection.
    if (method !== 'GET') await answer.arrayBuffer();
    return answer;
  }

  #anyPlace(): string | undefined {
    const places = [...this.#tags.keys()];
    return places.length === 0 ? undefined : this.#random.pick(places);
  }
}

function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}
