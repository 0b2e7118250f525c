import { RegistryError } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import type { Guard } from '../../core/src/store/tag-store.ts';
import { put, remove, refusable, type Request } from './manifest-operations.ts';
import { repository } from './registry-view.ts';

/** Tags that keep pointing at what they were first set to. */
const immutable: Guard = ({ action, kind, digest, previousDigest }) => {
  const isMove = action === 'set' && previousDigest !== undefined && previousDigest !== digest;
  if (isMove || (action === 'delete' && kind === 'tag')) throw new RegistryError('DENIED', 'it is immutable');
};

/** PUT of a manifest under a tag that is immutable. */
export function putImmutable(title: string, manifest: ParsedManifest, tag: string): Request {
  const { operation } = put(title, manifest, [tag]);
  return {
    ask: (store) =>
      refusable(async () => {
        await store.manifests.put(repository, manifest, {
          tags: [tag],
          actor: undefined,
          mayLack: 'nothing',
          condition: undefined,
          guard: immutable,
        });
        return 'put';
      }),
    operation: {
      ...operation,
      done: (view) => {
        if ((view.tags[tag] ?? title) === title) return operation.done(view);
        // One that is refused at the last moment has stored its manifest.
        const manifests = [...new Set([...view.manifests, title])].sort();
        return [view, { ...view, manifests }].map((state) => ({ answer: 403, state }));
      },
    },
  };
}

/** DELETE of a manifest, which is refused when it has a tag. */
export function removeUntagged(title: string, manifest: ParsedManifest): Request {
  const { operation } = remove(title, manifest);
  return {
    ask: (store) =>
      refusable(async () => {
        const gone = await store.manifests.delete(repository, manifest.digest, () => undefined, {
          guard: immutable,
        });
        return gone === undefined ? 'unknown' : 'deleted';
      }),
    operation: {
      ...operation,
      done: (view) =>
        Object.values(view.tags).includes(title) ? [{ answer: 403, state: view }] : operation.done(view),
    },
  };
}
