import { createHash } from 'node:crypto';
import { isRegistryError, isStorageError } from '@entrepot/plugin-sdk';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { UploadOutOfOrder } from '../../core/src/store/claimed-session.ts';
import type { Store } from '../../core/src/store/index.ts';
import { sessionFormat } from '../../core/src/store/sessions.ts';
import { openStore, repository } from './registry-view.ts';
import { Stage } from './stage.ts';
import type { DriverTraits } from './stepping-driver.ts';
import { stoppedClock } from './stopped-clock.ts';

/** Longer than a claim on a session is respected, in milliseconds. */
export const claimLapses = 61_000;

/** An upload as its clients see it. */
export interface UploadView {
  /**
   * What the session holds: `undefined` when it is ended for good, `lost` when whoever wants to finish it is told that it
   * is unknown, `garbage` when it is none of what was sent.
   */
  readonly content: string | undefined;
  /** Contents of the blobs that the repository has. */
  readonly blobs: readonly string[];
}

export function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A body that comes in one piece, or in several. */
export async function* body(...pieces: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** What a client is answered. */
export async function answerOf(work: Promise<string>): Promise<string> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UploadOutOfOrder) return 'out of order';
    if (isRegistryError(error)) return error.code;
    if (isStorageError(error, 'UPLOAD_UNKNOWN')) return 'BLOB_UPLOAD_UNKNOWN';
    throw error;
  }
}

/**
 * Looks at an upload as after a restart, when all claims have lapsed. `contents` are all that may be there: a session
 * does not show its bytes, so each is tried, on a copy of the stage.
 */
export async function viewUpload(
  stage: Stage,
  id: string,
  contents: readonly string[],
  traits: DriverTraits,
): Promise<UploadView> {
  stoppedClock.pass(claimLapses);
  const store = openStore(stage.driver(traits));
  const blobs: string[] = [];
  for (const content of contents) if (await holds(store, content)) blobs.push(content);
  return { content: await contentOf(stage, id, contents, traits), blobs: blobs.sort() };
}

/** Whether the repository has the blob. @throws Error when it is there with other bytes. */
async function holds(store: Store, content: string): Promise<boolean> {
  const blob = await store.blobs.check(repository, digestOf(content));
  if (blob === undefined) return false;
  const bytes = await store.blobs.bytes(blob);
  if (bytes?.toString() !== content)
    throw new Error(`the blob '${content}' has the bytes '${bytes?.toString()}'`);
  return true;
}

async function contentOf(
  stage: Stage,
  id: string,
  contents: readonly string[],
  traits: DriverTraits,
): Promise<string | undefined> {
  const status = (open: Store): Promise<string> =>
    answerOf(open.uploads.status(repository, id).then(({ offset }) => `at ${offset}`));
  const at = await status(openStore(stage.driver(traits)));
  if (at === 'BLOB_UPLOAD_UNKNOWN') return undefined;
  if (at === 'at 0') return '';
  for (const content of contents) {
    if (at !== `at ${content.length}`) continue;
    const copy = openStore(new Stage(stage).driver(traits));
    const end = copy.uploads.finish(repository, id, digestOf(content), { body: body() });
    const answer = await answerOf(end.then(() => 'blob'));
    if (answer === 'blob') return content;
    if (answer === 'BLOB_UPLOAD_UNKNOWN') return 'lost';
  }
  return 'garbage';
}

/** Keys of what takes space although no session and no blob needs it. */
export async function unneededOn(stage: Stage): Promise<string[]> {
  const driver = stage.driver();
  const keysOf = async (prefix: string): Promise<readonly string[]> =>
    (await driver.list(prefix, { limit: 1000 })).keys;
  const needed = new Set<string>();
  for (const key of await keysOf('uploads/')) {
    const session = sessionFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
    if (session === undefined) continue;
    needed.add(session.data);
    needed.add(`tails/${key.slice('uploads/'.length)}/${session.offset}`);
  }
  for (const key of await keysOf('blobs/')) {
    const record = blobRecordFormat.decode((await driver.read(key))?.bytes ?? new Uint8Array());
    if (typeof record?.data === 'string') needed.add(record.data);
  }
  const held = [...(await keysOf('data/')), ...(await keysOf('tails/')), ...stage.unfinished()];
  return held.filter((key) => !needed.has(key)).map((key) => stage.nameOf(key));
}
