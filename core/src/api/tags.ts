import { RegistryError } from '@entrepot/plugin-sdk';
import { nextLink, pageRequest } from '../http/pagination.ts';
import type { Handler } from './routes.ts';

/** end-8: tags in byte order. */
export const getTags: Handler<'tags'> = async ({ store, settings }, { context, route, query }) => {
  const { repository } = route;
  const page = pageRequest(query, settings.lists.maxPageSize);
  const [exists, { names, more }] = await Promise.all([
    store.catalog.has(repository),
    store.tags.list(repository, page),
  ]);
  if (!exists) throw new RegistryError('NAME_UNKNOWN', undefined, { details: [{ name: repository }] });
  const last = names.at(-1);
  const path = `${context.basePath}/v2/${repository}/tags/list`;
  context.send(
    200,
    {
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      ...(more && last !== undefined ? { link: nextLink(path, { n: page.limit, last }) } : {}),
    },
    JSON.stringify({ name: repository, tags: names }),
  );
  return [];
};
