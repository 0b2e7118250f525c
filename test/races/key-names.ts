const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** The folder of a data key repeats the end of the id; that of a record the beginning of the digest. */
const FOLDER = /^(data|blobs\/sha\d+)\/[0-9a-f]{2}\//;
const HEX = /[0-9a-f]{64,128}/g;

/** Names for storage keys that are the same in every run: who first used a random id, and as his which. */
export class KeyNames {
  readonly #ids = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** With `template`, what has a name there has the same here. */
  constructor(template?: KeyNames) {
    if (template === undefined) return;
    this.#ids = new Map(template.#ids);
    this.#counts = new Map(template.#counts);
  }

  of(key: string, user: string): string {
    return key
      .replace(FOLDER, '$1/')
      .replace(ID, (id) => this.#idOf(id, user))
      .replace(HEX, (hex) => hex.slice(0, 6));
  }

  #idOf(id: string, user: string): string {
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    const count = (this.#counts.get(user) ?? 0) + 1;
    this.#counts.set(user, count);
    const name = `${user}'s-${count}`;
    this.#ids.set(id, name);
    return name;
  }
}
