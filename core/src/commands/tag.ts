import { isDigest } from '../digest.ts';
import { whileUndoing, type UndoFlags } from './undoing.ts';
import { tagReferenceOf } from '../registry/reference.ts';
import { print, restoredLine, tableOf } from './undo-report.ts';

export interface TagRestoreFlags extends UndoFlags {
  readonly to?: string;
  readonly at?: string;
}

/**
 * `registry tag history REPO:TAG`: what the tag has pointed at, the newest first, and what has become of that.
 * @throws Error when nothing is remembered of it.
 */
export async function tagHistory(text: string, flags: UndoFlags): Promise<void> {
  const { repository, tag } = tagReferenceOf(text);
  const changes = await whileUndoing(flags, (undo) => undo.history(repository, tag));
  if (changes.length === 0) throw new Error(`nothing is remembered of ${repository}:${tag}`);
  if (process.stdout.isTTY && flags.json !== true) process.stdout.write(tableOf(changes));
  else for (const { at, ...change } of changes) print({ at: new Date(at).toISOString(), ...change });
}

/**
 * `registry tag restore REPO:TAG --to DIGEST | --at TIME`: points the tag at what it pointed at before, and brings that
 * back if it has been deleted.
 * @throws Error when it cannot be restored.
 */
export async function tagRestore(text: string, { to, at, ...flags }: TagRestoreFlags): Promise<void> {
  const { repository, tag } = tagReferenceOf(text);
  if ((to === undefined) === (at === undefined)) throw new Error('give either --to DIGEST or --at TIME');
  if (to !== undefined && !isDigest(to)) throw new Error(`--to ${to} is no digest: sha256:<64 hex digits>`);
  const time = at === undefined ? 0 : timeOf(at);
  const restored = await whileUndoing(flags, async (undo) =>
    undo.restoreTag(repository, tag, to ?? (await undo.digestAt(repository, tag, time))),
  );
  if (process.stdout.isTTY && flags.json !== true) process.stdout.write(restoredLine(repository, restored));
  else print({ repository, ...restored });
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Error(`--at ${text} is no time: 2026-11-25T18:00:00Z`);
  return time;
}
