import { isDigest } from '../digest.ts';
import { nextLink } from '../http/pagination.ts';
import { badQuery } from '../http/query.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import type { Handler } from './routes.ts';

/** A page is a manifest to its clients, and those need not take more than 4 MiB. */
const PAGE_BYTES = 3 * 1024 * 1024;

/** end-12: the manifests whose subject is this digest. An unknown subject has none, which is no error. */
export const getReferrers: Handler<'referrers'> = async ({ store, settings }, { context, route, query }) => {
  const { repository, digest } = route;
  context.digest = digest;
  const artifactType = query.one('artifactType');
  const last = query.one('last');
  if (last !== undefined && !isDigest(last)) throw badQuery("the query parameter 'last' is to be a digest");
  const limit = Math.max(
    1,
    Math.min(query.count('n') ?? settings.lists.maxPageSize, settings.lists.maxPageSize),
  );
  const { descriptors, next } = await store.referrers.list(repository, digest, {
    artifactType: artifactType === '' ? undefined : artifactType,
    last,
    maxBytes: PAGE_BYTES,
    limit,
  });
  const path = `${context.basePath}/v2/${repository}/referrers/${digest}`;
  const filter = artifactType === undefined || artifactType === '' ? undefined : artifactType;
  context.send(
    200,
    {
      'content-type': mediaTypes.ociIndex,
      'cache-control': 'no-cache',
      ...(filter === undefined ? {} : { 'oci-filters-applied': 'artifactType' }),
      ...(next === undefined
        ? {}
        : {
            link: nextLink(path, {
              n: limit,
              last: next,
              ...(filter === undefined ? {} : { artifactType: filter }),
            }),
          }),
    },
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: descriptors }),
  );
  return [];
};
