/** A part of a name: `cn=developers`. */
interface NamePart {
  /** As it stands there, for comparisons: lower case, without spaces around it. */
  readonly folded: string;
  readonly value: string;
}

/** A distinguished name (RFC 4514), read as far as it takes to see what is below what. */
export class DistinguishedName {
  readonly #parts: readonly NamePart[];

  constructor(text: string) {
    this.#parts = splitAtCommas(text).map((part) => {
      const equals = part.indexOf('=');
      const [type, value] = [part.slice(0, equals), unescaped(part.slice(equals + 1).trim())];
      return { folded: `${type.trim()}=${value}`.toLowerCase(), value };
    });
  }

  /** The value of the first part: `developers` of `cn=developers,ou=groups`. */
  get leaf(): string {
    return this.#parts[0]?.value ?? '';
  }

  /** Whether the entry is below the one of the other name. */
  isBelow(other: DistinguishedName): boolean {
    const depth = this.#parts.length - other.#parts.length;
    return (
      depth > 0 && other.#parts.every(({ folded }, index) => this.#parts[depth + index]?.folded === folded)
    );
  }
}

function splitAtCommas(text: string): readonly string[] {
  return text.match(/(?:\\.|[^\\,])+/gs) ?? [];
}

/** `\,` is a comma, `\C3\A9` the bytes of a character. */
function unescaped(value: string): string {
  return value.replace(/(?:\\[0-9a-f]{2})+|\\(.)/gis, (whole, character: string | undefined) =>
    character === undefined ? Buffer.from(whole.replaceAll('\\', ''), 'hex').toString('utf8') : character,
  );
}
