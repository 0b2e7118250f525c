import type { Client } from './client.ts';
import { Unanswered, type Answer } from './http.ts';
import type { PushedBlob, PushedManifest, RepositoryLedger } from './ledger.ts';
import { manifestPath, tagPath } from './manifests.ts';
import { tagTarget } from './pulls.ts';
import type { Register } from './register.ts';
import type { Replica } from './replicas.ts';
import { blobPath } from './uploads.ts';

/** Requests at a time. */
const AT_ONCE = 8;

/**
 * Reads everything back, while nobody changes anything: manifests, tags, blobs and lists. What was in doubt is settled by
 * what is found; what was acknowledged has to be there, and what is listed has to resolve.
 * @throws Unanswered
 */
export class Audit {
  readonly #client: Client;
  readonly #replica: Replica;

  constructor(client: Client, replica: Replica) {
    this.#client = client;
    this.#replica = replica;
  }

  async all(): Promise<void> {
    for (const repository of this.#client.ledger.repositories.values()) await this.#repository(repository);
    await this.#catalog();
  }

  async #repository(repository: RepositoryLedger): Promise<void> {
    const { manifests, blobs } = repository;
    const excused = new Excuses(repository);
    await inLanes([...manifests.values()], (manifest) => this.#manifest(repository, manifest));
    await inLanes([...blobs.values()], (blob) => this.#blob(repository, blob));
    this.#completeness(repository);
    await this.#tags(repository, excused);
    await this.#referrers(repository, excused);
  }

  async #manifest(repository: RepositoryLedger, { digest, there }: PushedManifest): Promise<void> {
    const object = manifestPath(repository, digest);
    const answer = await this.#get(object, `${repository.name}/manifests/${digest}`);
    const isThere = answer.status === 200;
    if (isThere) this.#client.expectDigest(object, answer, digest);
    this.#settle(object, there, isThere);
    if (isThere) repository.isPresent(digest);
    else repository.forgetAbsent(digest);
  }

  async #blob(repository: RepositoryLedger, { digest, there }: PushedBlob): Promise<void> {
    const object = blobPath(repository, digest);
    const answer = await this.#get(object, `${repository.name}/blobs/${digest}`);
    const isThere = answer.status === 200;
    if (isThere) this.#client.expectDigest(object, answer, digest);
    this.#settle(object, there, isThere);
    if (isThere) repository.isPresent(digest);
    else repository.forgetAbsent(digest);
  }

  /** A manifest that is there has its blobs and children, whether its push was answered or not. */
  #completeness(repository: RepositoryLedger): void {
    const { ledger } = this.#client;
    const at = ledger.next();
    for (const { digest, blobs, children } of repository.presentManifests(at)) {
      const parts = [
        ...blobs.map((each) => [each, repository.blobs.get(each)] as const),
        ...children.map((each) => [each, repository.manifests.get(each)] as const),
      ];
      for (const [part, known] of parts) {
        if (known?.there.certain(at) === true) continue;
        ledger.found(
          'lost',
          manifestPath(repository, digest),
          `it is there, and not ${part}, which it needs`,
        );
      }
    }
  }

  async #tags(repository: RepositoryLedger, excused: Excuses): Promise<void> {
    const { ledger } = this.#client;
    const answer = await this.#get(repository.name, `${repository.name}/tags/list`);
    const listed = answer.status === 200 ? namesIn(answer.body, 'tags') : [];
    await inLanes([...new Set([...listed, ...repository.tags.keys()])], async (name) => {
      const object = tagPath(repository, name);
      const path = `${repository.name}/manifests/${name}`;
      const digest = tagTarget(this.#client, object, await this.#get(object, path));
      const tag = repository.tag(name);
      if (digest !== undefined && !listed.includes(name))
        ledger.found('wrong', object, 'it leads somewhere, and is not listed');
      if (digest !== undefined || !listed.includes(name)) return this.#settle(object, tag, digest);
      if (excused.tags.has(name)) ledger.accepted += 1;
      else ledger.found('dangling', object, 'it is listed, and leads nowhere');
      await this.#client.askNow(object, { method: 'DELETE', path: `/v2/${path}` });
      tag.settle(undefined, ledger.next());
    });
  }

  async #referrers(repository: RepositoryLedger, excused: Excuses): Promise<void> {
    const { ledger } = this.#client;
    const subjects = new Set([...repository.manifests.values()].flatMap(({ subject }) => subject ?? []));
    await inLanes([...subjects], async (subject) => {
      const object = manifestPath(repository, subject);
      const answer = await this.#get(object, `${repository.name}/referrers/${subject}`);
      const listed = answer.status === 200 ? namesIn(answer.body, 'manifests') : [];
      for (const digest of listed) {
        const { status } = await this.#get(object, `${repository.name}/manifests/${digest}`);
        if (status === 200) continue;
        if (excused.referrers.has(digest)) ledger.accepted += 1;
        else ledger.found('dangling', object, `its referrer ${digest} is listed, and leads nowhere`);
      }
      const at = ledger.next();
      for (const manifest of repository.manifests.values()) {
        if (manifest.subject !== subject) continue;
        const isListed = listed.includes(manifest.digest);
        if (manifest.there.certain(at) === true && !manifest.listed.possible(at, at).has(isListed))
          ledger.found(
            'lost',
            manifestPath(repository, manifest.digest),
            `${subject} has it as a referrer: ${isListed}`,
          );
        manifest.listed.settle(isListed, at);
      }
    });
  }

  /** A repository that has a tag is in the catalog. */
  async #catalog(): Promise<void> {
    const { ledger } = this.#client;
    const { body } = await this.#get('catalog', '_catalog');
    const listed = namesIn(body, 'repositories');
    const at = ledger.next();
    for (const { name, tags } of ledger.repositories.values()) {
      const isTagged = [...tags.values()].some((tag) => tag.certain(at) !== undefined);
      if (isTagged && !listed.includes(name)) ledger.found('lost', 'catalog', `${name} is not listed`);
    }
  }

  #settle<Value>(object: string, register: Register<Value>, value: Value): void {
    const { ledger } = this.#client;
    const at = ledger.next();
    const possible = register.possible(at, at);
    if (!possible.has(value)) {
      const kind = value === false || value === undefined ? 'lost' : 'wrong';
      ledger.found(
        kind,
        object,
        `it is ${String(value)}; it is to be ${[...possible].map(String).join(' or ')}`,
      );
    }
    register.settle(value, at);
  }

  /** Looking harms nothing: what meets the connection of a worker that has just died is asked once more. */
  async #get(object: string, path: string): Promise<Answer> {
    const ask = (): Promise<Answer> =>
      this.#client.askNow(object, { method: 'GET', path: `/v2/${path}` }, this.#replica);
    const answer = await ask().catch((error: unknown) => {
      if (error instanceof Unanswered) return ask();
      throw error;
    });
    if (answer.status !== 200 && answer.status !== 404 && answer.status < 500)
      this.#client.ledger.found('wrong', object, `GET is answered with ${answer.status}`);
    return answer;
  }
}

/**
 * What may lead nowhere by the one race that is accepted: a push that has died while a delete of its manifest was under
 * way. Taken down before anything is settled.
 */
class Excuses {
  readonly tags: ReadonlySet<string>;
  readonly referrers: ReadonlySet<string>;

  constructor({ manifests, tags }: RepositoryLedger) {
    const taken = [...manifests.values()].filter(({ there }) => there.isWanted(false));
    this.tags = new Set(
      [...tags].filter(([, tag]) => taken.some(({ digest }) => tag.isInDoubt(digest))).map(([name]) => name),
    );
    this.referrers = new Set(
      taken.filter(({ listed }) => listed.isInDoubt(true)).map(({ digest }) => digest),
    );
  }
}

/** The names in one of the lists of the API: strings, or the digests of descriptors. */
function namesIn(body: Buffer, list: string): string[] {
  const json: unknown = JSON.parse(body.toString('utf8'));
  const items: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, list) : undefined;
  if (!Array.isArray(items))
    throw new TypeError(`there are no ${list} in ${body.toString('utf8').slice(0, 200)}`);
  return items.map((item: unknown) =>
    typeof item === 'object' && item !== null && 'digest' in item ? String(item.digest) : String(item),
  );
}

async function inLanes<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
