import { createHash } from 'node:crypto';
import type { Answer, Asked, HttpClient } from './http.ts';
import { Unanswered } from './http.ts';
import { Possible, type Ledger, type PushedManifest } from './ledger.ts';
import type { Random } from './random.ts';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const MAX_MANIFESTS = 25;

/** The registry did what it must not do. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Pushes, overwrites, mounts, deletes and pulls in a repository of its own, and writes down what it has been told. Each
 * step ends with its first request that is not answered: what is in doubt then stays in doubt until somebody looks.
 */
export class PushingClient {
  readonly ledger: Ledger;
  readonly #http: HttpClient;
  readonly #random: Random;
  readonly #neighbour: () => Ledger;
  acknowledged = 0;

  constructor(ledger: Ledger, http: HttpClient, random: Random, neighbour: () => Ledger) {
    this.ledger = ledger;
    this.#http = http;
    this.#random = random;
    this.#neighbour = neighbour;
  }

  /** @throws Unanswered; Wrong */
  async step(): Promise<void> {
    const random = this.#random;
    const dice = random.next();
    if (this.ledger.present.length > MAX_MANIFESTS || dice < 0.1) await this.#deleteManifest();
    else if (dice < 0.18) await this.#deleteTag();
    else if (dice < 0.26) await this.#cancel();
    else if (dice < 0.5) await this.pull(random.pick([...this.ledger.tags.keys(), 't0']));
    else await this.#push();
  }

  /** Pulls a tag whole, but for blobs in `pulled`, and holds what comes against what may come. @throws Unanswered; Wrong */
  async pull(tag: string, pulled = new Set<string>()): Promise<void> {
    const possible = this.ledger.tag(tag);
    const answer = await this.#ask({ method: 'GET', path: this.#path(`manifests/${tag}`) });
    if (answer.status === 404) {
      if (!possible.has(undefined))
        throw this.#wrong(`tag ${tag} is gone; it is to be ${possible.toString()}`);
      possible.is(undefined);
      return;
    }
    if (answer.status !== 200) throw this.#wrong(`GET of tag ${tag} is ${answer.status}`);
    const digest = digestOf(answer.body);
    if (digest !== answer.headers['docker-content-digest']) throw this.#wrong(`tag ${tag} has wrong bytes`);
    if (!possible.has(digest))
      throw this.#wrong(`tag ${tag} is ${digest}; it is to be ${possible.toString()}`);
    possible.is(digest);
    await this.pullManifest(digest, pulled);
  }

  /** Pulls a manifest by digest with its blobs. Gives whether it is there. @throws Unanswered; Wrong */
  async pullManifest(digest: string, pulled = new Set<string>()): Promise<boolean> {
    const manifest = this.ledger.manifests.get(digest);
    if (manifest === undefined) throw this.#wrong(`manifest ${digest} has never been pushed`);
    const answer = await this.#ask({ method: 'GET', path: this.#path(`manifests/${digest}`) });
    const isThere = answer.status === 200;
    if (!isThere && answer.status !== 404) throw this.#wrong(`GET of manifest ${digest} is ${answer.status}`);
    if (!manifest.there.has(isThere)) throw this.#wrong(`manifest ${digest} there: ${isThere}`);
    if (isThere && !answer.body.equals(manifest.bytes))
      throw this.#wrong(`manifest ${digest} has other bytes`);
    manifest.there.is(isThere);
    if (isThere) for (const blob of manifest.blobs) await this.pullBlob(blob, pulled);
    return isThere;
  }

  /** @throws Unanswered; Wrong when it is not there or not what was pushed. */
  async pullBlob(digest: string, pulled = new Set<string>()): Promise<void> {
    if (pulled.has(digest)) return;
    pulled.add(digest);
    const answer = await this.#ask({ method: 'GET', path: this.#path(`blobs/${digest}`) });
    if (answer.status !== 200) throw this.#wrong(`blob ${digest} of a manifest is ${answer.status}`);
    if (digestOf(answer.body) !== digest) throw this.#wrong(`blob ${digest} has wrong bytes`);
  }

  async #push(): Promise<void> {
    const random = this.#random;
    const blobs = new Set<string>();
    for (let count = 1 + random.below(3); count > 0; count -= 1) blobs.add(await this.#someBlob());
    const layers = [...blobs].map((digest) => ({
      mediaType: 'application/octet-stream',
      digest,
      size: this.ledger.blobs.get(digest)?.bytes.length ?? 0,
    }));
    const subject = random.chance(0.2) ? this.ledger.present.at(-1) : undefined;
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        artifactType: 'application/x-torture',
        config: layers[0],
        layers,
        annotations: { n: String(random.next()) },
        ...(subject === undefined
          ? {}
          : { subject: { mediaType: MANIFEST, digest: subject.digest, size: subject.bytes.length } }),
      }),
    );
    await this.#putManifest(bytes, [...blobs], subject?.digest);
  }

  async #putManifest(bytes: Buffer, blobs: readonly string[], subject: string | undefined): Promise<void> {
    const digest = digestOf(bytes);
    const tag = `t${this.#random.below(10)}`;
    const possible = this.ledger.tag(tag);
    const manifest: PushedManifest = {
      digest,
      bytes,
      blobs,
      subject,
      there: new Possible(false),
      listed: new Possible(true),
    };
    this.ledger.manifests.set(digest, manifest);
    const answer = await this.#inDoubt(
      {
        method: 'PUT',
        path: this.#path(`manifests/${tag}`),
        headers: { 'content-type': MANIFEST },
        body: bytes,
      },
      () => {
        manifest.there.maybe(true);
        manifest.listed.maybe(false);
        possible.maybe(digest);
      },
    );
    if (answer.status !== 201)
      throw this.#wrong(`PUT of a manifest is ${answer.status}: ${String(answer.body)}`);
    manifest.there.is(true);
    possible.is(digest);
    this.acknowledged += 1;
  }

  /** A blob of the repository: an old one, one of a neighbour, or a new one, in one of the ways there are. */
  async #someBlob(): Promise<string> {
    const random = this.#random;
    const known = this.ledger.presentBlobs;
    if (known.length > 0 && random.chance(0.3)) return random.pick(known);
    const neighbour = this.#neighbour();
    const theirs = neighbour.presentBlobs;
    if (theirs.length > 0 && random.chance(0.2)) return this.#mount(neighbour, random.pick(theirs));
    const bytes = random.bytes(
      random.chance(0.2) ? 1_500_000 + random.below(2_000_000) : random.below(60_000),
    );
    return this.#upload(bytes);
  }

  async #mount(neighbour: Ledger, digest: string): Promise<string> {
    const bytes = neighbour.blobs.get(digest)?.bytes ?? Buffer.alloc(0);
    const path = this.#path(`blobs/uploads/?mount=${digest}&from=${neighbour.repository}`);
    const answer = await this.#inDoubt({ method: 'POST', path }, () => this.#blobMaybe(digest, bytes));
    if (answer.status === 201) return this.#blobIs(digest, bytes);
    return this.#upload(bytes);
  }

  async #upload(bytes: Buffer): Promise<string> {
    const digest = digestOf(bytes);
    const shape = this.#random.below(5);
    if (shape === 0) {
      const path = this.#path(`blobs/uploads/?digest=${digest}`);
      const answer = await this.#inDoubt({ method: 'POST', path, body: bytes }, () =>
        this.#blobMaybe(digest, bytes),
      );
      if (answer.status !== 201) throw this.#wrong(`POST of a blob is ${answer.status}`);
      return this.#blobIs(digest, bytes);
    }
    const location = await this.#begin();
    if (location === undefined) throw this.#wrong('an upload does not begin');
    const cuts = shape === 1 ? [0] : shape === 2 ? [bytes.length] : this.#cuts(bytes.length);
    let offset = 0;
    for (const end of cuts.filter((cut) => cut > 0)) {
      const sent = await this.#patch(location, bytes, offset, end);
      if (sent === undefined) return this.#upload(bytes);
      offset = sent;
    }
    return this.#finish(location, digest, bytes, offset);
  }

  async #begin(): Promise<string | undefined> {
    const answer = await this.#ask({ method: 'POST', path: this.#path('blobs/uploads/') });
    return answer.status === 202 ? answer.headers.location : undefined;
  }

  /** Sends a chunk; sometimes breaks off and goes on from where the registry says. `undefined` when it knows no more. */
  async #patch(location: string, bytes: Buffer, offset: number, end: number): Promise<number | undefined> {
    const isBroken = this.#random.chance(0.2);
    const chunk = { method: 'PATCH', path: location, body: bytes.subarray(offset, end) };
    if (!isBroken) {
      const answer = await this.#ask(chunk);
      if (answer.status === 202) return end;
      if (answer.status !== 416 && answer.status !== 404) throw this.#wrong(`PATCH is ${answer.status}`);
    } else {
      await this.#ask({ ...chunk, breakAfter: this.#random.below(end - offset + 1) }).catch(onlyUnanswered);
    }
    const status = await this.#ask({ method: 'GET', path: location });
    if (status.status === 404) return undefined;
    const held = Number(/^0-(\d+)$/.exec(status.headers.range ?? '')?.[1] ?? -1) + 1;
    if (status.status !== 204 || held < 1) throw this.#wrong(`the state of an upload is ${status.status}`);
    // `0-0` is said of no byte and of one: going on from either is refused with the truth, or right.
    const resume = held === 1 ? 0 : held;
    const range = { 'content-range': `${resume}-${end - 1}` };
    if (resume >= end) return resume;
    const answer = await this.#ask({ ...chunk, body: bytes.subarray(resume, end), headers: range });
    if (answer.status === 202) return end;
    if (answer.status === 416 || answer.status === 404) return undefined;
    throw this.#wrong(`PATCH from ${resume} is ${answer.status}`);
  }

  async #finish(location: string, digest: string, bytes: Buffer, offset: number): Promise<string> {
    const path = `${location}?digest=${digest}`;
    const answer = await this.#inDoubt({ method: 'PUT', path, body: bytes.subarray(offset) }, () =>
      this.#blobMaybe(digest, bytes),
    );
    if (answer.status === 201) return this.#blobIs(digest, bytes);
    // Another process may still hold the claim of a request that was broken off.
    if (answer.status === 416 || answer.status === 404) return this.#upload(bytes);
    throw this.#wrong(`PUT of a blob is ${answer.status}: ${String(answer.body)}`);
  }

  async #cancel(): Promise<void> {
    const location = await this.#begin();
    if (location === undefined) throw this.#wrong('an upload does not begin');
    await this.#ask({
      method: 'PATCH',
      path: location,
      body: this.#random.bytes(this.#random.below(2_000_000)),
    });
    await this.#ask({ method: 'DELETE', path: location });
    const status = await this.#ask({ method: 'GET', path: location });
    if (status.status !== 404) throw this.#wrong(`a cancelled upload is ${status.status}`);
  }

  async #deleteTag(): Promise<void> {
    const tag = `t${this.#random.below(10)}`;
    const possible = this.ledger.tag(tag);
    const asked = { method: 'DELETE', path: this.#path(`manifests/${tag}`) };
    const answer = await this.#inDoubt(asked, () => possible.maybe(undefined));
    if (answer.status === 404 && !possible.has(undefined)) throw this.#wrong(`tag ${tag} was gone`);
    if (answer.status !== 202 && answer.status !== 404)
      throw this.#wrong(`DELETE of a tag is ${answer.status}`);
    possible.is(undefined);
    this.acknowledged += 1;
  }

  async #deleteManifest(): Promise<void> {
    const { present } = this.ledger;
    if (present.length === 0) return;
    const { digest, there, listed } = this.#random.pick(present);
    const tags = [...this.ledger.tags.values()].filter((tag) => tag.has(digest));
    const asked = { method: 'DELETE', path: this.#path(`manifests/${digest}`) };
    const answer = await this.#inDoubt(asked, () => {
      there.maybe(false);
      listed.maybe(false);
      for (const tag of tags) tag.maybe(undefined);
    });
    if (answer.status !== 202) throw this.#wrong(`DELETE of a manifest is ${answer.status}`);
    there.is(false);
    for (const tag of tags) if (tag.certain === digest) tag.is(undefined);
    for (const tag of tags) tag.maybe(undefined);
    this.acknowledged += 1;
  }

  #cuts(length: number): number[] {
    const cuts = [this.#random.below(length + 1), this.#random.below(length + 1), length];
    return [...new Set(cuts)].sort((a, b) => a - b);
  }

  #blobMaybe(digest: string, bytes: Buffer): void {
    const known = this.ledger.blobs.get(digest);
    if (known === undefined) this.ledger.blobs.set(digest, { bytes, there: new Possible(false) });
    this.ledger.blobs.get(digest)?.there.maybe(true);
  }

  #blobIs(digest: string, bytes: Buffer): string {
    this.#blobMaybe(digest, bytes);
    this.ledger.blobs.get(digest)?.there.is(true);
    this.acknowledged += 1;
    return digest;
  }

  /** Asks for a change; if no answer comes, or one that storage is in trouble, `doubt` says what may have happened. */
  async #inDoubt(asked: Asked, doubt: () => void): Promise<Answer> {
    try {
      return await this.#ask(asked);
    } catch (error) {
      doubt();
      throw error;
    }
  }

  async #ask(asked: Asked): Promise<Answer> {
    try {
      const answer = await this.#http.ask(asked);
      this.ledger.note(`${asked.method} ${asked.path} ${answer.status}`);
      if (answer.status >= 500) throw this.#wrong(`${asked.method} ${asked.path} is ${answer.status}`);
      return answer;
    } catch (error) {
      if (error instanceof Unanswered) this.ledger.note(`${asked.method} ${asked.path} unanswered`);
      throw error;
    }
  }

  #path(rest: string): string {
    return `/v2/${this.ledger.repository}/${rest}`;
  }

  #wrong(what: string): Wrong {
    return new Wrong(`${this.ledger.repository}: ${what}\n  ${this.ledger.history.slice(-60).join('\n  ')}`);
  }
}

function onlyUnanswered(error: unknown): void {
  if (!(error instanceof Unanswered)) throw error;
}
