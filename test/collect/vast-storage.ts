import {
  StorageError,
  withMethods,
  type ListPage,
  type SmallObject,
  type StorageDriver,
} from '@entrepot/plugin-sdk';
import { MemoryDriver, Memory } from '@entrepot/storage-memory';
import { digestOf } from '../../core/src/digest.ts';
import { blobLinkFormat, blobRecordFormat, type BlobRecord } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import { manifestFormat } from '../../core/src/store/stored-manifest.ts';
import { types } from '../oci/content.ts';

/** How much there is. */
export interface Extent {
  readonly blobs: number;
  readonly repositories: number;
  readonly manifests: number;
}

const STATES = ['live', 'condemned', 'deleting'] as const;
const GONE = 3;
const HEX = 64;

/**
 * A storage with as many objects as one wants, most of which are made up when they are asked for, so that it takes next
 * to no memory itself. Of four blobs two are in a manifest, one has been condemned long ago, and one is old and live.
 */
export class VastStorage {
  readonly extent: Extent;
  /** By blob: the place in {@link STATES} of its record, or that it is gone. */
  readonly #states: Uint8Array;
  readonly #links: Uint8Array;
  readonly #bytes: Uint8Array;
  #sorted: { readonly repository: number; readonly digests: readonly Listed[] } | undefined;
  calls = 0;

  constructor(extent: Extent) {
    this.extent = extent;
    this.#states = Uint8Array.from({ length: extent.blobs }, (_, blob) => (blob % 4 === 1 ? 1 : 0));
    this.#links = new Uint8Array(extent.blobs).fill(1);
    this.#bytes = new Uint8Array(extent.blobs).fill(1);
  }

  driver(): StorageDriver {
    return withMethods(new MemoryDriver(new Memory(1)), {
      list: async (prefix, { startAfter = '', limit }) => this.#list(prefix, startAfter, limit),
      read: async (key) => this.#read(key),
      write: async (key, bytes, options) => this.#write(key, bytes, options?.ifMatch),
      delete: async (key, options) => this.#delete(key, options?.ifMatch),
    });
  }

  /**
   * How many blobs are in this state, by their records; how many links and how many bytes there are; and how many of the
   * blobs that manifests refer to are as they were.
   */
  count(): Readonly<
    Record<'live' | 'condemned' | 'deleting' | 'gone' | 'links' | 'bytes' | 'needed', number>
  > {
    const counts = { live: 0, condemned: 0, deleting: 0, gone: 0, links: 0, bytes: 0, needed: 0 };
    for (let blob = 0; blob < this.extent.blobs; blob += 2) {
      const isWhole = this.#links[blob] === 1 && this.#bytes[blob] === 1;
      if (isWhole && STATES[this.#states[blob] ?? GONE] === 'live') counts.needed += 1;
    }
    for (const state of this.#states) counts[STATES[state] ?? 'gone'] += 1;
    for (const link of this.#links) counts.links += link;
    for (const bytes of this.#bytes) counts.bytes += bytes;
    return counts;
  }

  #digest(blob: number): string {
    const spread = Math.floor((blob * 2 ** 32) / this.extent.blobs);
    return `sha256:${spread.toString(16).padStart(8, '0')}${blob.toString(16).padStart(HEX - 8, '0')}`;
  }

  #blobOf(digest: string): number {
    return Number.parseInt(digest.slice(-(HEX - 8)), 16);
  }

  #data(blob: number): string {
    return `data/00/${blob}`;
  }

  #name(repository: number): string {
    return `team-${String(repository).padStart(6, '0')}`;
  }

  #blobsOf(repository: number): { readonly first: number; readonly end: number } {
    const each = Math.ceil(this.extent.blobs / this.extent.repositories);
    return { first: repository * each, end: Math.min((repository + 1) * each, this.extent.blobs) };
  }

  /** The manifests of a repository, in the order of their digests. */
  #manifestsOf(repository: number): readonly Listed[] {
    if (this.#sorted?.repository === repository) return this.#sorted.digests;
    const each = Math.floor(this.extent.manifests / this.extent.repositories);
    const digests = Array.from({ length: each }, (_, index) => ({
      digest: digestOf(this.#manifest(repository, index)),
      index,
    })).sort((one, other) => (one.digest < other.digest ? -1 : 1));
    this.#sorted = { repository, digests };
    return digests;
  }

  /** Each blob with an even number is in one manifest. */
  #manifest(repository: number, index: number): Buffer {
    const { first, end } = this.#blobsOf(repository);
    const each = Math.ceil((end - first) / Math.floor(this.extent.manifests / this.extent.repositories));
    const layers = [];
    for (let blob = first + index * each; blob < Math.min(first + (index + 1) * each, end); blob += 1) {
      if (blob % 2 === 0) layers.push({ mediaType: types.layer, digest: this.#digest(blob), size: 100 });
    }
    return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, index, layers }));
  }

  #list(prefix: string, startAfter: string, limit: number): ListPage {
    this.calls += 1;
    const found: string[] = [];
    const source = prefix === keys.records ? this.#records(startAfter) : this.#contents(startAfter);
    for (const key of source) {
      if (key <= startAfter) continue;
      if (found.length === limit) return { keys: found, more: true };
      found.push(key);
    }
    return { keys: found, more: false };
  }

  *#records(startAfter: string): Generator<string> {
    const hex = startAfter.split('/')[3] ?? '';
    const first = hex === '' ? 0 : this.#blobOf(hex) + 1;
    for (let blob = first; blob < this.extent.blobs; blob += 1) {
      if (this.#states[blob] !== GONE) yield keys.record(this.#digest(blob));
    }
  }

  *#contents(startAfter: string): Generator<string> {
    const place = startAfter.split('/')[1] ?? '';
    const start = place === '' ? 0 : Number(place.slice('team-'.length));
    for (let repository = start; repository < this.extent.repositories; repository += 1) {
      const name = this.#name(repository);
      const { first, end } = this.#blobsOf(repository);
      const isPast = startAfter > `repos/${name}/blobs0` || startAfter.startsWith(`repos/${name}/blobs0`);
      const at = startAfter.startsWith(`repos/${name}/blobs/`) ? this.#blobOf(startAfter) + 1 : first;
      for (let blob = isPast && repository === start ? end : at; blob < end; blob += 1) {
        if (this.#links[blob] === 1) yield keys.link(name, this.#digest(blob));
      }
      if (startAfter >= `repos/${name}/manifests0`) continue;
      for (const { digest } of this.#manifestsOf(repository)) yield keys.manifest(name, digest);
    }
  }

  #read(key: string): SmallObject | undefined {
    this.calls += 1;
    if (key.startsWith(keys.records)) return this.#record(this.#blobOf(key));
    const repository = Number(keys.holderOf(key).slice('team-'.length));
    if (keys.isInSection(key, 'blobs')) {
      const blob = this.#blobOf(key);
      const link = { incarnation: this.#data(blob), size: 100 };
      return this.#links[blob] === 1 ? { bytes: blobLinkFormat.encode(link), etag: 'link' } : undefined;
    }
    const digest = `sha256:${key.slice(-HEX)}`;
    const listed = this.#manifestsOf(repository).find((manifest) => manifest.digest === digest);
    if (listed === undefined) return undefined;
    const bytes = this.#manifest(repository, listed.index);
    const manifest = {
      digest,
      mediaType: types.manifest,
      bytes,
      incarnation: 'a life',
      deleting: false,
    };
    return { bytes: manifestFormat.encode(manifest), etag: 'manifest' };
  }

  #record(blob: number): SmallObject | undefined {
    const place = this.#states[blob] ?? GONE;
    const state = STATES[place];
    if (state === undefined) return undefined;
    const data = this.#data(blob);
    const record: BlobRecord = {
      digest: this.#digest(blob),
      state,
      incarnation: data,
      data,
      size: 100,
      since: 0,
    };
    return { bytes: blobRecordFormat.encode(record), etag: String(place) };
  }

  #write(key: string, bytes: Uint8Array, ifMatch: string | undefined): SmallObject {
    this.calls += 1;
    const record = blobRecordFormat.decode(bytes);
    const blob = this.#blobOf(key);
    if (record === undefined || String(this.#states[blob]) !== ifMatch)
      throw new StorageError('PRECONDITION_FAILED', 'it is another version');
    this.#states[blob] = STATES.indexOf(record.state);
    return { bytes, etag: String(this.#states[blob]) };
  }

  #delete(key: string, ifMatch: string | undefined): void {
    this.calls += 1;
    if (key.startsWith('data/')) this.#bytes[Number(key.slice('data/00/'.length))] = 0;
    else if (key.startsWith(keys.records)) {
      const blob = this.#blobOf(key);
      if (String(this.#states[blob]) !== ifMatch)
        throw new StorageError('PRECONDITION_FAILED', 'it is another version');
      this.#states[blob] = GONE;
    } else this.#links[this.#blobOf(key)] = 0;
  }
}

interface Listed {
  readonly digest: string;
  readonly index: number;
}
