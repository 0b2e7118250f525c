import type { StorageDriver } from '@entrepot/plugin-sdk';
import { isDigest } from '../../digest.ts';
import { listAll } from '../listing.ts';
import { layout } from './layout.ts';

/** The most digests that are taken from the past of a tag. */
const PAST = 100;

/** A tag as its folder says. */
export interface OtherTag {
  readonly tag: string;
  /** Whether it points at something now. One whose removal was broken off has a past alone. */
  readonly isSet: boolean;
  /** What it points at and has pointed at, in no order: nothing says when. */
  readonly digests: readonly string[];
}

/** What {@link OtherRegistry.link} gives for a file that says something else than a digest. */
export const DAMAGED = 'damaged';

/** Reads what a CNCF distribution registry keeps in this storage, while it may go on serving and changing it. */
export class OtherRegistry {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  /** Names of its repositories, each once. One call of the storage each. */
  async *repositories(): AsyncGenerator<string> {
    let startAfter = '';
    for (;;) {
      const page = await this.#driver.list(layout.repositories, { startAfter, limit: 1 });
      const [key] = page.keys;
      if (key === undefined) return;
      const repository = layout.repositoryOf(key);
      if (repository !== undefined) yield repository;
      startAfter = repository === undefined ? key : layout.afterOwn(repository);
    }
  }

  /** Tags of a repository, some at a time. */
  async *tags(repository: string): AsyncGenerator<readonly OtherTag[]> {
    const prefix = layout.tags(repository);
    let open: { tag: string; isSet: boolean; digests: string[] } | undefined;
    for await (const page of listAll(this.#driver, prefix)) {
      const whole: OtherTag[] = [];
      for (const key of page) {
        const [tag = '', kind, algorithm, hex] = key.slice(prefix.length).split('/');
        if (open?.tag !== tag) {
          if (open !== undefined) whole.push(open);
          open = { tag, isSet: false, digests: [] };
        }
        if (key === layout.tag(repository, tag)) open.isSet = true;
        const digest = `${algorithm}:${hex}`;
        if (kind === 'index' && isDigest(digest) && open.digests.length < PAST) open.digests.push(digest);
      }
      if (whole.length > 0) yield whole;
    }
    if (open !== undefined) yield [open];
  }

  /** Digests of the manifests of a repository, some at a time. */
  async *revisions(repository: string): AsyncGenerator<readonly string[]> {
    const prefix = layout.revisions(repository);
    for await (const page of listAll(this.#driver, prefix)) {
      const digests = page.flatMap((key) => {
        const [algorithm, hex] = key.slice(prefix.length).split('/');
        const digest = `${algorithm}:${hex}`;
        return isDigest(digest) && layout.revision(repository, digest) === key ? [digest] : [];
      });
      if (digests.length > 0) yield digests;
    }
  }

  /**
   * The digest that the file of a link says; {@link DAMAGED} when it says something else, or nothing: version 2 empties it
   * before it writes. `undefined` when there is no such link.
   */
  async link(key: string): Promise<string | undefined> {
    const object = await this.#driver.read(key);
    if (object === undefined) return undefined;
    const text = Buffer.from(object.bytes).toString('latin1');
    return isDigest(text) ? text : DAMAGED;
  }

  /** The bytes under a digest, which nobody has verified, if they are few. */
  async bytes(digest: string): Promise<Uint8Array | undefined> {
    return (await this.#driver.read(layout.bytes(digest)))?.bytes;
  }

  /** How many bytes there are under a digest; `undefined` when there are none. */
  size(digest: string): Promise<number | undefined> {
    return this.#driver.size(layout.bytes(digest));
  }
}
