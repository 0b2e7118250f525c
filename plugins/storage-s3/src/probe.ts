import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnfitBackend } from '@entrepot/plugin-sdk/buckets';
import { newMark, type Mark } from './mark.ts';
import type { Abilities, S3 } from './s3/client.ts';
import { MultipartUploads } from './s3/multipart-uploads.ts';
import { Objects, type Condition } from './s3/objects.ts';

/** Writers of one object at once, and the bytes each of them writes: more than servers read before they begin to work. */
const RACERS = 8;
const RACE_BYTES = 16 * 1024;
/** Milliseconds: the longest wait for a racer that does not get rid of its bytes. */
const LATE = 1000;
const text = (value: string): Uint8Array => Buffer.from(value);

/**
 * Finds out, with a few objects under a prefix of its own, whether the backend does what the driver relies on, and in
 * which of two ways.
 * @throws UnfitBackend with the reason when it does not; StorageError when it cannot be asked.
 */
export async function probe(s3: S3): Promise<Abilities> {
  const scratch = `.entrepot-probe/${randomUUID()}/`;
  const objects = new Objects(s3);
  const keys = ['create', 'replace', 'race', 'list-b', 'list/b', 'delete', 'missing'].map(
    (key) => scratch + key,
  );
  try {
    const prober = new Prober(s3, objects, scratch);
    await prober.creation();
    const bareEtags = await prober.replacement();
    s3.abilities = { ...s3.abilities, bareEtags };
    await prober.absence();
    await prober.races();
    await prober.listing();
    await prober.ranges();
    await prober.uploads();
    return { bareEtags, conditionalDeletes: await prober.deletion() };
  } finally {
    await Promise.allSettled(keys.map((key) => objects.delete(key)));
  }
}

class Prober {
  readonly #s3: S3;
  readonly #objects: Objects;
  readonly #scratch: string;
  /** Milliseconds. */
  #roundTrip = 0;

  constructor(s3: S3, objects: Objects, scratch: string) {
    this.#s3 = s3;
    this.#objects = objects;
    this.#scratch = scratch;
  }

  async creation(): Promise<void> {
    const mark = newMark();
    const created = await this.#put('create', 'absent', mark);
    demand(
      created !== undefined,
      'PUT with If-None-Match: * fails where there is no object',
      'nothing can be created',
    );
    demand(
      (await this.#put('create', 'absent')) === undefined,
      'PUT with If-None-Match: * overwrites what is there',
      'two replicas would both believe to have come first',
    );
    const { value } = await this.#objects.read(this.#scratch + 'create');
    demand(
      value?.mark.id === mark.id && value.etag === created,
      'metadata or etag of an object are not those it was written with',
      'a write whose answer was lost could not be told from that of another',
    );
  }

  /** Whether etags have to come without quotes. */
  async replacement(): Promise<boolean> {
    const first = (await this.#put('replace', 'absent')) ?? '';
    let bareEtags = false;
    let second = await this.#put('replace', { etag: first });
    if (second === undefined) {
      bareEtags = true;
      this.#s3.abilities = { ...this.#s3.abilities, bareEtags };
      second = await this.#put('replace', { etag: first });
    }
    demand(
      second !== undefined,
      'PUT with If-Match refuses the current etag',
      'nothing can be updated safely',
    );
    demand(
      (await this.#put('replace', { etag: first })) === undefined,
      'PUT with If-Match overwrites another version than the one it names',
      'updates would get lost',
    );
    demand(
      (await this.#put('missing', { etag: first })) === undefined,
      'PUT with If-Match creates an object that is missing',
      'what was deleted would come back',
    );
    return bareEtags;
  }

  async absence(): Promise<void> {
    const asked = performance.now();
    const { outcome } = await this.#objects.read(this.#scratch + 'missing');
    this.#roundTrip = performance.now() - asked;
    demand(outcome === 'absent', 'GET finds an object that was never written', 'absence could not be told');
  }

  async races(): Promise<void> {
    let winners = await this.#race('absent');
    demand(
      winners.length === 1,
      `of ${RACERS} writers at once under If-None-Match: *, ${winners.length} succeed`,
      'two replicas would both believe to have come first',
    );
    winners = await this.#race({ etag: winners[0] ?? '' });
    demand(
      winners.length === 1,
      `of ${RACERS} writers at once under the same If-Match, ${winners.length} succeed`,
      'updates would get lost',
    );
  }

  async listing(): Promise<void> {
    const keys = ['list-b', 'list/b'].map((key) => this.#scratch + key);
    await Promise.all(
      keys.map((key) => this.#objects.put(key, text(key), { condition: undefined, mark: newMark() })),
    );
    const all = await this.#objects.list(`${this.#scratch}list`, '', 10);
    const second = await this.#objects.list(`${this.#scratch}list`, keys[0] ?? '', 10);
    demand(
      all.objects.map(({ key }) => key).join() === keys.join(),
      'it does not list at once, in byte order, what was written',
      'lists would lose entries',
    );
    demand(
      second.objects[0]?.key === keys[1],
      'ListObjectsV2 ignores start-after',
      'lists would not get past their first page',
    );
  }

  async ranges(): Promise<void> {
    const { value } = await this.#objects.open(`${this.#scratch}list-b`, { start: 1, end: 2 });
    value?.body.destroy();
    demand(value?.length === 1, 'GET ignores Range', 'large blobs could not be read in parts');
  }

  /** Whether it is allowed to write in parts. */
  async uploads(): Promise<void> {
    const uploads = new MultipartUploads(this.#s3);
    await uploads.abort(`${this.#scratch}upload`, await uploads.create(`${this.#scratch}upload`, newMark()));
  }

  /** Whether DELETE heeds If-Match. If it does not, signatures have to end when they say. */
  async deletion(): Promise<boolean> {
    const key = `${this.#scratch}delete`;
    const stale = await this.#put('delete', 'absent');
    const current = await this.#put('delete', { etag: stale ?? '' });
    try {
      await this.#objects.delete(key, stale);
    } catch {
      // Refused for another reason than the condition: it knows no conditional DELETE.
    }
    if ((await this.#objects.head(key))?.etag === current) {
      await this.#objects.delete(key, current);
      if ((await this.#objects.head(key)) === undefined) return true;
    }
    await this.#objects.put(key, text('fence'), { condition: undefined, mark: newMark() });
    await this.#objects.deleteWithin(key, Date.now() - 3_600_000, 60).catch(() => undefined);
    demand(
      (await this.#objects.head(key)) !== undefined,
      'it deletes for a signature that ended an hour ago, and DELETE ignores If-Match',
      'a delete could hit an object that has taken the place of the one it meant',
    );
    return false;
  }

  /** The etag that was written, or `undefined` when the condition was refused. */
  async #put(key: string, condition: Condition, mark: Mark = newMark()): Promise<string | undefined> {
    const { value } = await this.#objects.put(this.#scratch + key, text(mark.id), { condition, mark });
    return value?.etag;
  }

  /**
   * The etags of those who were let win of several writers under one condition. They keep their last byte back until all
   * have sent the others and the backend has had the time to look at them: one that looks at the
   * condition first and writes then, instead of both in one step, lets several win. It may hang up on those that lose
   * before they have read why, so they are asked for no reason.
   */
  async #race(condition: Condition): Promise<string[]> {
    const { promise: allReady, resolve: lastIsReady } = Promise.withResolvers<undefined>();
    let ready = 0;
    const hold = async (): Promise<void> => {
      ready += 1;
      if (ready === RACERS) lastIsReady(undefined);
      // Not an answer of the backend is waited for: one that works on one request at a time would never give it.
      await Promise.race([allReady, sleep(LATE)]);
      await sleep(20 + 2 * this.#roundTrip);
    };
    const results = await Promise.allSettled(
      Array.from({ length: RACERS }, async () => {
        const mark = newMark();
        const bytes = Buffer.alloc(RACE_BYTES, mark.id);
        return (await this.#objects.put(`${this.#scratch}race`, bytes, { condition, mark }, hold)).value;
      }),
    );
    const winners = results.flatMap((result) =>
      result.status === 'fulfilled' && result.value !== undefined ? [result.value.etag] : [],
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (winners.length === 0 && failed !== undefined) throw failed.reason;
    return winners;
  }
}

function demand(holds: boolean, what: string, consequence: string): void {
  if (!holds) throw new UnfitBackend('S3 backend', what, consequence);
}
