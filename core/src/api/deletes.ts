import { RegistryError } from '@entrepot/plugin-sdk';
import type { ApiSettings } from './registry-parts.ts';

/** @throws RegistryError `UNSUPPORTED` when the configuration forbids clients to delete. */
export function assertDeletesEnabled({ deletes }: ApiSettings): void {
  if (deletes.enabled) return;
  throw new RegistryError('UNSUPPORTED', 'deleting is switched off in this registry', {
    headers: { allow: 'GET, HEAD' },
  });
}
