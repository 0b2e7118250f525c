import { referenceOf } from '../registry/reference.ts';
import { print, restoredLine } from './undo-report.ts';
import { whileUndoing, type UndoFlags } from './undoing.ts';

/**
 * `registry undelete REPO@DIGEST | REPO:TAG`: brings back a manifest with the tags that went with it, or a tag with its
 * manifest, and whatever it needs.
 * @throws Error when it cannot be restored.
 */
export async function undelete(text: string, flags: UndoFlags): Promise<void> {
  const reference = referenceOf(text);
  const { repository } = reference;
  const restored = await whileUndoing(flags, (undo) =>
    'tag' in reference
      ? undo.undeleteTag(repository, reference.tag)
      : undo.undeleteManifest(repository, reference.digest),
  );
  if (process.stdout.isTTY && flags.json !== true) process.stdout.write(restoredLine(repository, restored));
  else print({ repository, ...restored });
}
