import { RegistryError, type Access, type RegistryEvent } from '@entrepot/plugin-sdk';
import type { Endpoint, Route } from '../http/match-route.ts';
import type { Call } from '../http/request-context.ts';
import type { RegistryParts } from './registry-parts.ts';
import { getBase } from './base.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { appendUpload, cancelUpload, finishUpload, getUpload, startUpload } from './blob-uploads.ts';
import { getCatalog } from './catalog.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { getReferrers } from './referrers.ts';
import { getTags } from './tags.ts';

/** Answers a request, once what it has changed is recorded. Gives what has happened, for the `event` taps. */
export type Handler<Name extends Endpoint> = (
  parts: RegistryParts,
  call: Call<Name>,
) => Promise<readonly RegistryEvent[]> | readonly RegistryEvent[];

export interface Operation<Name extends Endpoint> {
  /** What the caller needs to be allowed; no handler is reached without it. */
  readonly access: (route: Route<Name>) => readonly Access[];
  readonly handle: Handler<Name>;
}

type Operations<Name extends Endpoint> = { readonly [method: string]: Operation<Name> };

/** Every operation of the distribution-spec: endpoint by method. */
const operations: { readonly [Name in Endpoint]: Operations<Name> } = {
  base: both({ access: () => [], handle: getBase }),
  catalog: both({ access: () => [{ type: 'registry', name: 'catalog', action: '*' }], handle: getCatalog }),
  tags: both({ access: pull, handle: getTags }),
  manifest: {
    ...both({ access: pull, handle: getManifest }),
    PUT: { access: push, handle: putManifest },
    DELETE: { access: remove, handle: deleteManifest },
  },
  blob: {
    ...both({ access: pull, handle: getBlob }),
    DELETE: { access: remove, handle: deleteBlob },
  },
  uploads: { POST: { access: push, handle: startUpload } },
  upload: {
    ...both({ access: push, handle: getUpload }),
    PATCH: { access: push, handle: appendUpload },
    PUT: { access: push, handle: finishUpload },
    DELETE: { access: push, handle: cancelUpload },
  },
  referrers: both({ access: pull, handle: getReferrers }),
};

/**
 * What is to be done for this route and method.
 * @throws RegistryError `UNSUPPORTED` with `Allow`
 */
export function operationFor<Name extends Endpoint>(route: Route<Name>, method: string): Operation<Name> {
  const byMethod: Operations<Name> = operations[route.endpoint];
  const operation = Object.hasOwn(byMethod, method) ? byMethod[method] : undefined;
  if (operation !== undefined) return operation;
  const allow = Object.keys(byMethod).join(', ');
  throw new RegistryError('UNSUPPORTED', `this endpoint knows ${allow}`, { headers: { allow } });
}

interface InRepository {
  readonly repository: string;
}

function pull({ repository }: InRepository): readonly Access[] {
  return [{ type: 'repository', name: repository, action: 'pull' }];
}

function push({ repository }: InRepository): readonly Access[] {
  return [
    { type: 'repository', name: repository, action: 'pull' },
    { type: 'repository', name: repository, action: 'push' },
  ];
}

function remove({ repository }: InRepository): readonly Access[] {
  return [{ type: 'repository', name: repository, action: 'delete' }];
}

function both<Name extends Endpoint>(operation: Operation<Name>): Operations<Name> {
  return { GET: operation, HEAD: operation };
}
