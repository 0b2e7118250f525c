import { RegistryError } from '@entrepot/plugin-sdk';

/** The query of a URL. Every value is text; a `+` is a plus, for media types contain it and no parameter has spaces. */
export class Query {
  static readonly none = new Query([]);
  readonly #pairs: readonly (readonly [name: string, value: string])[];

  private constructor(pairs: readonly (readonly [string, string])[]) {
    this.#pairs = pairs;
  }

  /** @throws RegistryError 400 for a broken percent-encoding. */
  static parse(text: string): Query {
    if (text === '') return Query.none;
    return new Query(
      text.split('&').map((pair) => {
        const equals = pair.indexOf('=');
        return equals === -1
          ? [decode(pair), '']
          : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
      }),
    );
  }

  /** @throws RegistryError 400 when the parameter is given twice. */
  one(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw badQuery(`the query parameter '${name}' may be given once`);
    return values[0];
  }

  all(name: string): string[] {
    return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  /** A whole number of at least 0, however large. @throws RegistryError 400 for anything else. */
  count(name: string): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    if (/^\d+$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
    throw badQuery(`the query parameter '${name}' is to be a whole number of at least 0`);
  }
}

/** The spec has no code of its own for a query that makes no sense. */
export function badQuery(message: string, cause?: unknown): RegistryError {
  return new RegistryError('UNSUPPORTED', message, { status: 400, cause });
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw badQuery('the query has a broken percent-encoding', error);
  }
}
