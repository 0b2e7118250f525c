import { expect } from 'chai';
import type { Answer } from '../oci/http-client.ts';
import { secrets } from './troubled-driver.ts';

/** What no client may see: paths, names of system errors, and the lines of a stack. */
const inner =
  /\/(?:tmp|work|home|root|srv|usr|var)\/|\bE[A-Z]{3,}\b(?=[^"]*\b(?:open|write|read|rename)\b)|node:internal|\.ts:\d|\.js:\d|^\s+at /m;

/** Expects an answer to say nothing of how the registry is made and where it runs. */
export function expectNoSecret({ body, headers }: Answer): void {
  const seen = `${body.toString()} ${JSON.stringify(headers)}`;
  for (const secret of secrets) expect(seen).to.not.include(secret);
  expect(seen).to.not.match(inner);
}
