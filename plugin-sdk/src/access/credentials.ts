import type { AuthRequest } from '../auth.ts';

/**
 * What an `Authorization` header holds: Basic (RFC 7617) or Bearer (RFC 6750) credentials, or nothing we can read.
 * Neither name nor password is nothing as well: podman and skopeo answer a Basic challenge so when they have none.
 */
export function parseAuthorization(header: string | undefined): Pick<AuthRequest, 'basic' | 'bearer'> {
  if (header === undefined) return {};
  const space = header.indexOf(' ');
  const scheme = header.slice(0, space).toLowerCase();
  const value = header.slice(space + 1).trim();
  if (space === -1 || value === '') return {};
  if (scheme === 'bearer') return { bearer: value };
  if (scheme !== 'basic') return {};
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 || text === ':'
    ? {}
    : { basic: { username: text.slice(0, colon), password: text.slice(colon + 1) } };
}
