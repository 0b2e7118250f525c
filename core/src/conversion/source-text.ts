/** A call in a configuration, `storageS3({ … })`. */
export interface PluginCall {
  /** The package, without `@entrepot/`. */
  readonly plugin: string;
  readonly options: Members;
}

/** Members of an object; those that are `undefined` are left out. */
export type Members = Readonly<Record<string, unknown>>;

/** Source text that stands for itself: `readFileSync('./key.pem', 'utf8')`. */
export class Expression {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

const WIDTH = 100;

/** What a plugin is called where it is imported: `storage-s3` as `storageS3`. */
export function nameOf(plugin: string): string {
  return plugin.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** A value as JavaScript writes it, in as many lines as it needs. */
export function literal(value: unknown, indent = ''): string {
  if (value instanceof Expression) return value.source;
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value))
    return grouped(
      '[',
      value.map((each) => literal(each, `${indent}  `)),
      ']',
      indent,
    );
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  if (members.length === 0) return '{}';
  const lines = members.map(
    ([name, each]) => `${/^[A-Za-z_]\w*$/.test(name) ? name : quoted(name)}: ${literal(each, `${indent}  `)}`,
  );
  return grouped('{ ', lines, ' }', indent);
}

/** Text that may hold anything, as JavaScript that can hold nothing but text. */
function quoted(text: string): string {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inner.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}

function grouped(open: string, members: readonly string[], close: string, indent: string): string {
  const line = `${open}${members.join(', ')}${close}`;
  if (indent.length + line.length <= WIDTH && !line.includes('\n')) return line;
  const inner = members.map((each) => `${indent}  ${each},\n`).join('');
  return `${open.trim()}\n${inner}${indent}${close.trim()}`;
}
