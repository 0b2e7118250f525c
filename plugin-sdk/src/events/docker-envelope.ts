import type { RegistryEvent } from '../events.ts';
import type { EventOrigin } from './spelling.ts';
import type { SinkEvent } from './sink-event.ts';

export const dockerEventsType = 'application/vnd.docker.distribution.events.v2+json';

/**
 * One event as distribution sends it (`notifications/event.go`): an envelope with exactly one event, indented by three
 * spaces. `tag`, `login`, `denial` and `key` are actions distribution does not know.
 */
export function dockerEnvelope(event: SinkEvent, origin: EventOrigin): string {
  const { id, time, action, requestId, address, method, actor } = event;
  const { host, userAgent } = event.kind === 'access' ? {} : event;
  const body = {
    id,
    timestamp: time,
    action,
    target: event.kind === 'access' ? {} : targetOf(event, origin),
    request: {
      id: requestId,
      addr: address,
      ...(host === undefined ? {} : { host }),
      method,
      useragent: userAgent ?? '',
    },
    actor: actor === undefined ? {} : { name: actor },
    source: { addr: origin.address, instanceID: origin.instance },
  };
  return JSON.stringify({ events: [body] }, undefined, 3);
}

/** Of what has been deleted distribution tells neither type nor size, and of a deleted tag no digest. */
function targetOf(event: RegistryEvent, origin: EventOrigin): object {
  const { action, repository, target, tag, fromRepository, host } = event;
  const labelled = { repository, ...(tag === undefined ? {} : { tag }) };
  if (action === 'delete')
    return { mediaType: '', digest: tag === undefined ? target.digest : '', size: 0, ...labelled };
  const { mediaType, digest, size } = target;
  const base = origin.registryUrl ?? (host === undefined ? undefined : `http://${host}`);
  const section = event.kind === 'blob' ? 'blobs' : 'manifests';
  return {
    mediaType,
    digest,
    size,
    ...(size === 0 ? {} : { length: size }),
    repository,
    ...(fromRepository === undefined ? {} : { fromRepository }),
    ...(base === undefined ? {} : { url: `${base}/v2/${repository}/${section}/${digest}` }),
    ...(tag === undefined ? {} : { tag }),
  };
}
