import { parseDocument } from 'yaml';

/** An option of the other registry that has a value. */
export interface OldOption {
  /** As in its documentation: `storage.filesystem.maxthreads`. */
  readonly path: string;
  readonly value: unknown;
}

/**
 * The options of a CNCF distribution registry, as its YAML has them. What has been asked for counts as understood; the rest is
 * {@link left}, so that no option is passed over in silence.
 */
export class OldOptions {
  readonly #tree: Tree;
  readonly #understood = new Set<string>();
  readonly #remaining: OldOption[] = [];

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** @throws Error when the text is no configuration of such a registry. */
  static parse(text: string): OldOptions {
    const document = parseDocument(text, { version: '1.1' });
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`this is not YAML: ${error.message.split('\n', 1)[0]}`);
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    if (!isTree(tree) || String(tree['version']) !== '0.1')
      throw new Error(
        "this is no configuration of a CNCF distribution registry: its version has to be '0.1'",
      );
    const options = new OldOptions(tree);
    options.any('version');
    return options;
  }

  /** Whatever is there. */
  any(path: string): unknown {
    this.#understood.add(path);
    return this.#find(path);
  }

  text(path: string): string | undefined {
    const value = this.any(path);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  }

  flag(path: string): boolean | undefined {
    const value = this.any(path);
    return typeof value === 'boolean'
      ? value
      : value === 'true'
        ? true
        : value === 'false'
          ? false
          : undefined;
  }

  number(path: string): number | undefined {
    const value = this.text(path);
    return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
  }

  texts(path: string): readonly string[] | undefined {
    const value = this.any(path);
    return Array.isArray(value) ? value.map(String) : undefined;
  }

  seconds(path: string): number | undefined {
    const value = this.text(path);
    return value === undefined ? undefined : this.secondsOf(value);
  }

  /** Seconds of a duration as Go writes it, `1h30m`; a bare number is of nanoseconds. */
  secondsOf(value: string): number | undefined {
    if (/^\d+$/.test(value)) return Number(value) / 1e9;
    const parts = [...value.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)];
    if (parts.map(([whole]) => whole).join('') !== value) return undefined;
    return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0);
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** Names of what is directly below. */
  names(path: string): readonly string[] {
    const value = this.#find(path);
    return isTree(value) ? Object.keys(value) : [];
  }

  /** Takes it for not understood after all: what it says cannot be said here. */
  leave(path: string): void {
    this.#understood.delete(path);
  }

  /** Says that something within a list is not understood. */
  remain(path: string, value: unknown): void {
    this.#remaining.push({ path, value });
  }

  /** What nobody has asked for, in the order of the file; what is in lists is behind it. */
  left(): readonly OldOption[] {
    const leaves = [...leavesOf(this.#tree, '')].filter(({ path }) => !this.#isUnderstood(path));
    return [...leaves, ...this.#remaining];
  }

  #isUnderstood(path: string): boolean {
    for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
      if (this.#understood.has(path.slice(0, end))) return true;
    }
    return false;
  }

  #find(path: string): unknown {
    let value: unknown = this.#tree;
    for (const name of path.split('.'))
      value = isTree(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    return value ?? undefined;
  }
}

type Tree = Readonly<Record<string, unknown>>;

const units: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Everything that is no group of options; a group without any is one of them. */
function* leavesOf(value: unknown, path: string): Generator<OldOption> {
  const names = isTree(value) ? Object.keys(value) : [];
  if (!isTree(value) || names.length === 0) {
    if (value !== null && value !== undefined) yield { path, value };
    return;
  }
  for (const name of names) yield* leavesOf(value[name], path === '' ? name : `${path}.${name}`);
}
