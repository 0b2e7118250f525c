import type { OutgoingHttpHeaders } from 'node:http';
import { etagOf } from '../http/conditions.ts';

/** Content under its digest never changes: caches may keep it for a year, and nobody may recompress it on the way. */
const IMMUTABLE = 'max-age=31536000, immutable, no-transform';
/** A tag may move at any time: caches have to ask. */
const MUTABLE = 'no-cache, no-transform';

/** Headers of content that was asked for by digest (`immutable`) or by tag. */
export function contentHeaders(content: {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly immutable: boolean;
}): OutgoingHttpHeaders {
  return {
    'content-type': content.mediaType,
    'content-length': content.size,
    'docker-content-digest': content.digest,
    etag: etagOf(content.digest),
    'cache-control': content.immutable ? IMMUTABLE : MUTABLE,
  };
}
