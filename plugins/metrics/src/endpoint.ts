import type { IncomingMessage, ServerResponse } from 'node:http';
import { RegistryError, type Access, type Decisions } from '@entrepot/plugin-sdk';
import { parseAuthorization } from '@entrepot/plugin-sdk/access';
import type { Exposition } from './exposition.ts';

/** Whoever may know which repositories there are may know how they are used. */
const access: readonly Access[] = [{ type: 'registry', name: 'catalog', action: '*' }];

/** Answers with the metrics of all processes. */
export async function answerMetrics(exposition: Exposition, response: ServerResponse): Promise<void> {
  const body = await exposition.text();
  response.writeHead(200, {
    'content-type': exposition.contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}

/**
 * Answers who may read the catalog.
 * @throws RegistryError `UNAUTHORIZED` with the challenges, or `DENIED`.
 */
export async function answerAuthorized(
  exposition: Exposition,
  decisions: Decisions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const client = decisions.clientOf(request);
  const credentials = parseAuthorization(request.headers.authorization);
  const identity = await decisions.identify({
    requestId: 'metrics',
    method: request.method ?? '',
    access,
    ...client,
    ...credentials,
  });
  if (!(await decisions.permits(identity, access, client.address))) {
    throw new RegistryError(
      identity === undefined ? 'UNAUTHORIZED' : 'DENIED',
      'metrics are for who may read the catalog',
      {
        headers: identity === undefined ? { 'www-authenticate': 'Basic realm="metrics"' } : {},
      },
    );
  }
  await answerMetrics(exposition, response);
}
