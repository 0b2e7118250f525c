import type { AuditEvent, RegistryEvent } from '@entrepot/plugin-sdk';

let count = 0;

export function push(repository: string, more: Partial<RegistryEvent> = {}): RegistryEvent {
  count += 1;
  return {
    id: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`,
    action: 'push',
    kind: 'manifest',
    time: '2026-01-01T00:00:00.000Z',
    repository,
    target: {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 500,
    },
    address: '192.0.2.7',
    requestId: 'request-1',
    method: 'PUT',
    ...more,
  };
}

export const denial: AuditEvent = {
  id: '00000000-0000-4000-9000-000000000001',
  action: 'denial',
  kind: 'access',
  time: '2026-01-01T00:00:00.000Z',
  outcome: 'refused',
  actor: 'alice',
  address: '192.0.2.7',
  requestId: 'request-1',
  method: 'GET',
};
