import type { Query } from './query.ts';

/** How many names a client gets, and after which one they begin. A page size that is too large is made smaller. */
export function pageRequest(
  query: Query,
  maxPageSize: number,
): { readonly last: string | undefined; readonly limit: number } {
  return { last: query.one('last'), limit: Math.min(query.count('n') ?? maxPageSize, maxPageSize) };
}

/** The `Link` to the next page (RFC 8288), as a path, so that it holds behind any proxy. */
export function nextLink(path: string, parameters: Readonly<Record<string, string | number>>): string {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `<${path}?${query.join('&')}>; rel="next"`;
}
