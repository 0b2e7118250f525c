import { createHash } from 'node:crypto';
import { parseManifest, type ParsedManifest } from '../../core/src/manifest/parse-manifest.ts';
import { mediaTypes } from '../../core/src/manifest/media-types.ts';
import type { Store } from '../../core/src/store/index.ts';
import type { Operation } from './explanation.ts';

/** Kept in the record of the blob. */
export const inlined = 'few bytes';
/** Kept under a key of their own. */
export const stored = 'many bytes '.repeat(2000);

/** Repositories that have the blob of a scene. */
export type Holders = readonly string[];

/** What a client wants with a blob, and what that does to who has it. */
export interface BlobRequest {
  readonly ask: (store: Store, content: string) => Promise<string>;
  readonly operation: Operation<Holders>;
}

export function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Whether the repository has the blob, with the right bytes. @throws Error when they are others. */
export async function has(store: Store, repository: string, content: string): Promise<boolean> {
  const blob = await store.blobs.check(repository, digestOf(content));
  if (blob === undefined) return false;
  const bytes = await store.blobs.bytes(blob);
  if (bytes?.toString() !== content) throw new Error(`${repository} has a blob with other bytes`);
  return true;
}

export async function upload(store: Store, repository: string, content: string): Promise<void> {
  await store.uploads.put(repository, digestOf(content), { body: bodyOf(content), length: content.length });
}

/** POST with a digest. */
export function uploadTo(repository: string): BlobRequest {
  return {
    ask: async (store, content) => {
      await upload(store, repository, content);
      return 'uploaded';
    },
    operation: {
      done: (holders) => [{ answer: 'uploaded', state: withHolder(holders, repository) }],
      cut: (holders) => [holders, withHolder(holders, repository)],
    },
  };
}

/** POST with `mount` and `from`. That it cannot be done is always a possible answer: the client then uploads. */
export function mount(from: string, to: string): BlobRequest {
  return {
    ask: async (store, content) =>
      (await store.blobs.mount(from, to, digestOf(content))) === undefined ? 'upload it' : 'mounted',
    operation: {
      done: (holders) => [
        { answer: 'upload it', state: holders },
        ...(holders.includes(from) ? [{ answer: 'mounted', state: withHolder(holders, to) }] : []),
      ],
      cut: (holders) => [holders, ...(holders.includes(from) ? [withHolder(holders, to)] : [])],
    },
  };
}

/** DELETE. */
export function unlink(repository: string): BlobRequest {
  return {
    ask: async (store, content) =>
      (await store.blobs.unlink(repository, digestOf(content))) ? 'deleted' : 'unknown',
    operation: {
      done: (holders) => [
        ...(holders.includes(repository) ? [] : [{ answer: 'unknown', state: holders }]),
        // Of two that come at the same time, both are told so.
        { answer: 'deleted', state: withoutHolder(holders, repository) },
      ],
      cut: (holders) => [holders, withoutHolder(holders, repository)],
    },
  };
}

/** HEAD. */
export function ask(repository: string): BlobRequest {
  return {
    ask: async (store, content) => ((await has(store, repository, content)) ? 'there' : 'unknown'),
    operation: {
      done: (holders) => [{ answer: holders.includes(repository) ? 'there' : 'unknown', state: holders }],
      cut: (holders) => [holders],
    },
  };
}

/** A manifest with one layer, which has this content. */
export function imageOf(content: string): ParsedManifest {
  const layer = { mediaType: mediaTypes.octetStream, digest: digestOf(content), size: content.length };
  const json = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, layers: [layer] };
  return parseManifest(Buffer.from(JSON.stringify(json)), mediaTypes.ociManifest, 'sha256');
}

export async function* bodyOf(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

function withHolder(holders: Holders, repository: string): Holders {
  return holders.includes(repository) ? holders : [...holders, repository].sort();
}

function withoutHolder(holders: Holders, repository: string): Holders {
  return holders.filter((holder) => holder !== repository);
}
