import { isRegistryError } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Store } from '../../core/src/store/index.ts';
import type { TagCondition } from '../../core/src/store/tag-store.ts';
import type { Operation } from './explanation.ts';
import { repository, type RepositoryView } from './registry-view.ts';

/** One request: what it asks of a store, and what it is to do to the repository. */
export interface Request {
  readonly ask: (store: Store) => Promise<unknown>;
  readonly operation: Operation<RepositoryView>;
}

/** What a conditional request demands of the present target, in titles. */
type Condition = (current: string | undefined) => boolean;

/** PUT of a manifest under tags. */
export function put(
  title: string,
  manifest: ParsedManifest,
  tags: readonly string[],
  condition?: { readonly title: Condition; readonly digest: TagCondition },
): Request {
  const isReferrer = manifest.subject !== undefined;
  const stored = (view: RepositoryView): RepositoryView => ({
    ...view,
    manifests: withItem(view.manifests, title),
    referrers: isReferrer ? withItem(view.referrers, title) : view.referrers,
  });
  const tagged = (view: RepositoryView, count: number): RepositoryView => ({
    ...view,
    tags: { ...view.tags, ...Object.fromEntries(tags.slice(0, count).map((tag) => [tag, title])) },
  });
  return {
    ask: (store) =>
      refusable(async () => {
        await store.manifests.put(repository, manifest, {
          tags,
          actor: undefined,
          mayLack: 'nothing',
          condition: condition?.digest,
        });
        return 'put';
      }),
    operation: {
      done: (view) => {
        if (tags.every((tag) => condition?.title(view.tags[tag]) ?? true))
          return [{ answer: 'put', state: tagged(stored(view), tags.length) }];
        // A refused push may leave a manifest that no tag points at.
        return [view, stored(view)].map((state) => ({ answer: 412, state }));
      },
      cut: (view) => [
        view,
        { ...stored(view), referrers: view.referrers },
        ...Array.from({ length: tags.length + 1 }, (_, count) => tagged(stored(view), count)),
      ],
    },
  };
}

/** PUT of an index under a tag, with a child that has to be there. */
export function putIndex(title: string, index: ParsedManifest, child: string, tag: string): Request {
  const { ask, operation } = put(title, index, [tag]);
  return {
    ask,
    operation: {
      ...operation,
      done: (view) =>
        view.manifests.includes(child) ? operation.done(view) : [{ answer: 400, state: view }],
    },
  };
}

/**
 * The same PUT where a delete of the manifest is under way: dying, it may leave a tag, or a place among the referrers,
 * that leads nowhere, since the delete has looked for them before.
 */
export function putDuringDelete(title: string, manifest: ParsedManifest, tags: readonly string[]): Request {
  const { ask, operation } = put(title, manifest, tags);
  const { done, cut } = operation;
  return {
    ask,
    operation: {
      done,
      cut: (view) => [
        ...cut(view),
        ...cut(view).map((left) => ({ ...left, manifests: without(left.manifests, title) })),
      ],
    },
  };
}

/**
 * DELETE of a manifest by digest. While it is being pushed, or another deletes it, it may be found although the push is
 * not answered yet, or the other delete is.
 */
export function remove(title: string, manifest: ParsedManifest): Request {
  const untagged = (view: RepositoryView, kept: readonly string[]): RepositoryView => ({
    ...view,
    tags: Object.fromEntries(
      Object.entries(view.tags).filter(([tag, target]) => target !== title || kept.includes(tag)),
    ),
  });
  const unlisted = (view: RepositoryView): RepositoryView => ({
    ...untagged(view, []),
    referrers: without(view.referrers, title),
  });
  const gone = (view: RepositoryView): RepositoryView => ({
    ...unlisted(view),
    manifests: without(view.manifests, title),
  });
  return {
    ask: async (store) => {
      const deleted = await store.manifests.delete(
        repository,
        manifest.digest,
        () => manifest.subject?.digest,
      );
      return deleted === undefined ? 'unknown' : 'deleted';
    },
    operation: {
      done: (view) =>
        view.manifests.includes(title)
          ? [{ answer: 'deleted', state: gone(view) }]
          : ['unknown', 'deleted'].map((answer) => ({ answer, state: view })),
      cut: (view) => {
        if (!view.manifests.includes(title)) return [view];
        const tags = Object.keys(view.tags).filter((tag) => view.tags[tag] === title);
        return [...subsets(tags).map((kept) => untagged(view, kept)), unlisted(view), gone(view)];
      },
    },
  };
}

/** DELETE of a tag. */
export function untag(tag: string): Request {
  const gone = (view: RepositoryView): RepositoryView => ({
    ...view,
    tags: Object.fromEntries(Object.entries(view.tags).filter(([name]) => name !== tag)),
  });
  return {
    ask: async (store) => ((await store.tags.delete(repository, tag)) === undefined ? 'unknown' : 'untagged'),
    operation: {
      done: (view) => [{ answer: view.tags[tag] === undefined ? 'unknown' : 'untagged', state: gone(view) }],
      cut: (view) => [view, gone(view)],
    },
  };
}

/** An answer, or the status of the refusal. */
export async function refusable(work: () => Promise<string>): Promise<string | number> {
  try {
    return await work();
  } catch (error) {
    if (isRegistryError(error)) return error.status;
    throw error;
  }
}

function withItem(items: readonly string[], item: string): readonly string[] {
  return items.includes(item) ? items : [...items, item].sort();
}

function without(items: readonly string[], item: string): readonly string[] {
  return items.filter((other) => other !== item);
}

function subsets(items: readonly string[]): string[][] {
  return items.reduce<string[][]>((all, item) => [...all, ...all.map((some) => [...some, item])], [[]]);
}
