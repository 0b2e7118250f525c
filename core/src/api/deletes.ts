import { RegistryError } from '@entrepot/plugin-sdk';
import type { ApiSettings } from './registry-parts.ts';

/**
 * `allow` is what may be done besides.
 * @throws RegistryError `UNSUPPORTED` when the configuration forbids clients to delete.
 */
export function assertDeletesEnabled({ deletes }: ApiSettings, allow: string): void {
  if (deletes.enabled) return;
  throw new RegistryError('UNSUPPORTED', 'deleting is switched off in this registry', {
    headers: { allow },
  });
}
