/** What may be there: each value that storage may hold after what has been acknowledged, and what has been left open. */
export class Possible<Value> {
  #values: Set<Value>;

  constructor(value: Value) {
    this.#values = new Set([value]);
  }

  /** Acknowledged: it is this now. */
  is(value: Value): void {
    this.#values = new Set([value]);
  }

  /** Asked for and not answered: it may be this as well. */
  maybe(value: Value): void {
    this.#values.add(value);
  }

  has(value: Value): boolean {
    return this.#values.has(value);
  }

  get certain(): Value | undefined {
    const [value] = this.#values;
    return this.#values.size === 1 ? value : undefined;
  }

  toString(): string {
    return [...this.#values].map(String).join(' or ');
  }
}

export interface PushedManifest {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly blobs: readonly string[];
  readonly subject: string | undefined;
  readonly there: Possible<boolean>;
  /** Whether it is among the referrers of its subject: a push or delete without an answer leaves it open. */
  readonly listed: Possible<boolean>;
}

/** All that one client knows of its repository. Nobody else writes to it. */
export class Ledger {
  readonly repository: string;
  readonly tags = new Map<string, Possible<string | undefined>>();
  readonly manifests = new Map<string, PushedManifest>();
  /** Blobs whose push or mount has been acknowledged, or may have happened. */
  readonly blobs = new Map<string, { readonly bytes: Buffer; readonly there: Possible<boolean> }>();
  /** The last things that happened, for whoever has to understand a failure. */
  readonly history: string[] = [];

  constructor(repository: string) {
    this.repository = repository;
  }

  note(line: string): void {
    this.history.push(line);
    if (this.history.length > 400) this.history.shift();
  }

  tag(name: string): Possible<string | undefined> {
    const known = this.tags.get(name) ?? new Possible<string | undefined>(undefined);
    this.tags.set(name, known);
    return known;
  }

  /** Manifests that are certainly there. */
  get present(): PushedManifest[] {
    return [...this.manifests.values()].filter((manifest) => manifest.there.certain === true);
  }

  /** Blobs that are certainly there. */
  get presentBlobs(): string[] {
    return [...this.blobs].filter(([, blob]) => blob.there.certain === true).map(([digest]) => digest);
  }
}
