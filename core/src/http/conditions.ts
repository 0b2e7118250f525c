import type { RequestContext } from './request-context.ts';

/** The strong entity tag of content: its digest (RFC 9110, 8.8.3). */
export function etagOf(digest: string): string {
  return `"${digest}"`;
}

/** Whether the client has this content already: `If-None-Match` (RFC 9110, 13.1.2). */
export function isNotModified(context: RequestContext, digest: string): boolean {
  const header = context.header('if-none-match');
  return header !== undefined && matches(header, digest);
}

/**
 * What `If-Match` and `If-None-Match` demand of what is there before it is changed; `undefined` when the request has
 * neither. The test gets the present digest, `undefined` when there is nothing.
 */
export function changeCondition(
  context: RequestContext,
): ((current: string | undefined) => boolean) | undefined {
  const match = context.header('if-match');
  const noneMatch = context.header('if-none-match');
  if (match === undefined && noneMatch === undefined) return undefined;
  return (current) =>
    (match === undefined || (current !== undefined && matches(match, current))) &&
    (noneMatch === undefined || current === undefined || !matches(noneMatch, current));
}

/** `*` or a list of entity tags, weak ones included; a digest without its quotes is taken as meant. */
function matches(header: string, digest: string): boolean {
  return header.split(',').some((item) => {
    const tag = item.trim().replace(/^W\//, '');
    return tag === '*' || tag === digest || tag === etagOf(digest);
  });
}
