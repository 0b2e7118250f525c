import type { Admission } from '@entrepot/plugin-sdk';
import type { RequestContext } from '../http/request-context.ts';
import type { RegistryParts } from './registry-parts.ts';

/** Asks the `admit` taps whether a request may add to a repository. @throws what one of them throws. */
export async function admit(
  { hooks }: RegistryParts,
  context: RequestContext,
  what: Pick<Admission, 'repository' | 'kind'>,
): Promise<void> {
  if (!hooks.admit.isUsed()) return;
  await hooks.admit.promise({ ...what, bytes: context.contentLength ?? 0, identity: context.identity });
}
