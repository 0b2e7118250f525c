import { nextLink, pageRequest } from '../http/pagination.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Store } from '../store/index.ts';
import type { Handler } from './routes.ts';

/** Names looked at in one go when some of them are not to be shown. */
const NAMES_AT_ONCE = 1000;

/**
 * The names of the repositories that the caller may see, a page at a time: no endpoint of the spec, but one that many
 * tools ask for.
 */
export const getCatalog: Handler<'catalog'> = async ({ store, settings }, { context, query }) => {
  const page = pageRequest(query, settings.lists.maxPageSize);
  const { names, more } = await listShown(store, context, page);
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

/**
 * One page of what is shown. Whether there is more, and after which name it goes on, tells nothing of what is not; for
 * that, the names in between have all to be looked at, a list of keys at a time, as long as the client is there.
 */
async function listShown(
  { catalog }: Store,
  context: RequestContext,
  page: { readonly last?: string | undefined; readonly limit: number },
): Promise<{ readonly names: readonly string[]; readonly more: boolean }> {
  const { shows } = context;
  if (shows === undefined || page.limit === 0) return catalog.list(page);
  const gone = new AbortController();
  context.onceAnswered(() => {
    gone.abort();
  });
  const names: string[] = [];
  let [last, limit] = [page.last, page.limit + 1];
  while (!gone.signal.aborted) {
    const found = await catalog.list({ last, limit });
    for (const name of found.names) {
      if (!(await shows(name))) continue;
      if (names.length === page.limit) return { names, more: true };
      names.push(name);
    }
    if (!found.more) break;
    last = found.names.at(-1);
    limit = NAMES_AT_ONCE;
  }
  return { names, more: false };
}
