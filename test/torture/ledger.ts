import { createHash } from 'node:crypto';
import { Register, type Conclude, type Outcome } from './register.ts';

/** Bytes that have been pushed, or may have been. */
export interface Content {
  readonly bytes: Buffer;
  readonly digest: string;
}

export interface PushedManifest extends Content {
  readonly mediaType: string;
  /** Digests of config and layers. */
  readonly blobs: readonly string[];
  /** Digests of the manifests that an index lists. */
  readonly children: readonly string[];
  readonly subject: string | undefined;
  readonly there: Register<boolean>;
  /** Whether the referrers of its subject name it. */
  readonly listed: Register<boolean>;
}

export interface PushedBlob extends Content {
  readonly there: Register<boolean>;
}

/** The registry did what it must not do. */
export interface Finding {
  /**
   * - `lost`: something acknowledged is gone.
   * - `wrong`: bytes, values or answers that cannot be right.
   * - `dangling`: something is listed that leads nowhere.
   */
  readonly kind: 'lost' | 'wrong' | 'dangling';
  readonly what: string;
  /** What has happened to the object before. */
  readonly history: readonly string[];
}

const DEATH = '--- killed';
/** Lines of history kept of an object. */
const HISTORY = 80;
/** Audits in a row that have to find an object gone before it is forgotten. */
const PATIENCE = 3;
/** Findings after which there is nothing more to learn. */
const MAX_FINDINGS = 20;

/** One repository as its clients know it. */
export class RepositoryLedger {
  readonly name: string;
  readonly manifests = new Map<string, PushedManifest>();
  readonly blobs = new Map<string, PushedBlob>();
  readonly tags = new Map<string, Register<string | undefined>>();
  /** How many audits in a row have found an object gone. */
  readonly #absences = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  /** What is known of a manifest; when nothing is yet, that it is not there. */
  manifest(content: Omit<PushedManifest, 'there' | 'listed'>): PushedManifest {
    const known = this.manifests.get(content.digest);
    if (known !== undefined) return known;
    const manifest = { ...content, there: new Register(false), listed: new Register(false) };
    this.manifests.set(content.digest, manifest);
    return manifest;
  }

  blob({ bytes, digest }: Content): PushedBlob {
    const known = this.blobs.get(digest);
    if (known !== undefined) return known;
    const blob = { bytes, digest, there: new Register(false) };
    this.blobs.set(digest, blob);
    return blob;
  }

  tag(name: string): Register<string | undefined> {
    const known = this.tags.get(name);
    if (known !== undefined) return known;
    const tag = new Register<string | undefined>(undefined);
    this.tags.set(name, tag);
    return tag;
  }

  /** Forgets a manifest or a blob that audits find gone again and again. It may come back as a new one. */
  forgetAbsent(digest: string): void {
    const count = (this.#absences.get(digest) ?? 0) + 1;
    this.#absences.set(digest, count);
    if (count < PATIENCE) return;
    this.#absences.delete(digest);
    this.manifests.delete(digest);
    this.blobs.delete(digest);
  }

  isPresent(digest: string): void {
    this.#absences.delete(digest);
  }

  /** Manifests that are certainly there at this moment. */
  presentManifests(at: number): PushedManifest[] {
    return [...this.manifests.values()].filter(({ there }) => there.certain(at) === true);
  }

  /** Manifests that are certainly there, and that no index has that may be there or come. */
  topManifests(at: number): PushedManifest[] {
    const needed = new Set([...this.manifests.values()].flatMap(({ children }) => children));
    return this.presentManifests(at).filter(({ digest }) => !needed.has(digest));
  }

  presentBlobs(at: number): PushedBlob[] {
    return [...this.blobs.values()].filter(({ there }) => there.certain(at) === true);
  }

  /** Blobs that are certainly there, and that no manifest has that may be there or come. */
  looseBlobs(at: number): PushedBlob[] {
    const needed = new Set([...this.manifests.values()].flatMap(({ blobs }) => blobs));
    return this.presentBlobs(at).filter(({ digest }) => !needed.has(digest));
  }
}

/** Everything the clients have asked for and been told, and what must not have happened. */
export class Ledger {
  readonly repositories = new Map<string, RepositoryLedger>();
  readonly findings: Finding[] = [];
  /** Tags and referrers that lead nowhere by the one race that is accepted: see docs/operations.md. */
  accepted = 0;
  requests = 0;
  acknowledged = 0;
  unanswered = 0;
  /** Uploads that went on after an answer was lost, and those that had to begin anew. */
  resumed = 0;
  restarted = 0;
  readonly #histories = new Map<string, string[]>();
  #moment = 0;

  /** A moment after all that have been given before. */
  next(): number {
    this.#moment += 1;
    return this.#moment;
  }

  repository(name: string): RepositoryLedger {
    const known = this.repositories.get(name);
    if (known !== undefined) return known;
    const repository = new RepositoryLedger(name);
    this.repositories.set(name, repository);
    return repository;
  }

  /** Notes a line in the history of an object: a path, as it is asked for. */
  note(object: string, line: string): void {
    const history = this.#histories.get(object) ?? [];
    this.#histories.set(object, history);
    history.push(`${(performance.now() / 1000).toFixed(3)} ${line}`);
    if (history.length > HISTORY) history.shift();
  }

  /** Notes a death in every history. Of several without anything in between, the last one is kept. */
  noteDeath(how: string): void {
    for (const [object, history] of this.#histories) {
      if (history.at(-1)?.includes(DEATH) === true) history.pop();
      this.note(object, `${DEATH} ${how}`);
    }
  }

  found(kind: Finding['kind'], object: string, what: string): void {
    if (this.isFull) return;
    this.findings.push({
      kind,
      what: `${object}: ${what}`,
      history: this.#historyOf(object, what),
    });
  }

  /** Of the object, and of all others whose digest is spoken of. */
  #historyOf(object: string, what: string): string[] {
    const digests = what.match(/sha\d+:[0-9a-f]+/g) ?? [];
    const others = [...this.#histories.keys()].filter(
      (other) => other !== object && digests.some((digest) => other.includes(digest)),
    );
    return [object, ...others].flatMap((each) => [
      each,
      ...(this.#histories.get(each) ?? []).map((line) => `  ${line}`),
    ]);
  }

  /** Whether so much has gone wrong that going on tells nothing more. */
  get isFull(): boolean {
    return this.findings.length >= MAX_FINDINGS;
  }

  /** Ends all changes of one request in the same way, at this moment. */
  conclude(changes: readonly Conclude[], outcome: Exclude<Outcome, 'open'>): void {
    const at = this.next();
    for (const conclude of changes) conclude(outcome, at);
  }
}

export function contentOf(bytes: Buffer): Content {
  return { bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Buffer, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
