import { RegistryError, type ByteRange } from '@entrepot/plugin-sdk';

/** `first-`, `first-last` or `-suffix`. No two of its repetitions touch, so it takes no more steps than there are bytes. */
const RANGE = /^bytes\s*=\s*(?:(\d+)\s*-(?:\s*(\d+))?|-\s*(\d+))\s*$/i;

/**
 * The part of `size` bytes that a `Range` header asks for (RFC 9110, 14.2). `undefined`, and all is to be sent, when
 * there is none, or one of a kind that is not served: other units, several ranges.
 * @throws RegistryError 416 when no byte of it exists, or it ends before it begins.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const parts = header === undefined ? null : RANGE.exec(header);
  if (parts === null) return undefined;
  const [, first, last, suffix] = parts;
  if (suffix !== undefined) {
    if (Number(suffix) === 0 || size === 0) throw unsatisfiable(size);
    return { start: Math.max(0, size - Number(suffix)), end: size };
  }
  const start = Number(first);
  if (start >= size || (last !== undefined && Number(last) < start)) throw unsatisfiable(size);
  return { start, end: last === undefined ? size : Math.min(size, Number(last) + 1) };
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `the range is outside of the ${size} bytes there are`, {
    status: 416,
    headers: { 'content-range': `bytes */${size}` },
  });
}
