import { nextLink, pageRequest } from '../http/pagination.ts';
import type { Handler } from './routes.ts';

/** The names of all repositories, a page at a time: no endpoint of the spec, but one that many tools ask for. */
export const getCatalog: Handler<'catalog'> = async ({ store, settings }, { context, query }) => {
  const page = pageRequest(query, settings.lists.maxPageSize);
  const { names, more } = await store.catalog.list(page);
  const last = names.at(-1);
  context.send(
    200,
    {
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      ...(more && last !== undefined
        ? { link: nextLink(`${context.basePath}/v2/_catalog`, { n: page.limit, last }) }
        : {}),
    },
    JSON.stringify({ repositories: names }),
  );
  return [];
};
