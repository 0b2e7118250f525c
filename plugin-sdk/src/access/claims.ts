/**
 * The claim of that name. A name that begins with a slash leads into objects, as a JSON Pointer does (RFC 6901):
 * `/kubernetes.io/serviceaccount/name`. undefined when there is none.
 */
export function claimOf(claims: unknown, name: string): unknown {
  const steps = name.startsWith('/') ? name.slice(1).split('/').map(unescaped) : [name];
  return steps.reduce<unknown>((value, step) => memberOf(value, step), claims);
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Own members alone: no claim is called `constructor` unless who issued it says so. */
function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
