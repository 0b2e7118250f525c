import { expect } from 'chai';
import type { Answer } from '../oci/http-client.ts';
import { secrets } from './troubled-driver.ts';

/** What no client may read: paths, names of system errors, and the lines of a stack. */
export const innerWords =
  /\/(?:tmp|work|home|root|srv|usr)\/|\b(?:ENOENT|EACCES|EPERM|EIO|ENOSPC|EROFS|EISDIR|ENOTDIR|ENAMETOOLONG|ELOOP|EMFILE|EINVAL|HPE_[A-Z_]+|ERR_[A-Z_]+)\b|node:internal|\.[tj]s:\d|\b(?:Type|Range|Syntax|Reference)Error\b|^\s+at /m;

/** Expects an answer to say nothing of how the registry is made and where it runs. */
export function expectNoSecret({ body, headers }: Answer): void {
  const seen = `${body.toString()} ${JSON.stringify(headers)}`;
  for (const secret of secrets) expect(seen).to.not.include(secret);
  expect(seen).to.not.match(innerWords);
}
