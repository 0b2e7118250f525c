import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { completed, file, type Entry } from './tree.ts';

/** Every file was made when time began: an image says in its labels what it is of. */
const mtime = new Date(0);

/** A tar archive of these entries, in the order of their paths. */
export function archiveOf(entries: readonly Entry[]): Readable {
  const archive = pack();
  const write = async (): Promise<void> => {
    for (const entry of completed(entries)) await add(archive, entry);
    archive.finalize();
  };
  write().catch((error: unknown) =>
    archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(archive);
}

async function add(archive: Pack, { path, content, mode, owner = 0 }: Entry): Promise<void> {
  const common = { mtime, uid: owner, gid: owner };
  if (content === 'folder') {
    archive.entry({ ...common, name: `${path}/`, type: 'directory', mode: mode ?? 0o755 });
  } else if ('linkTo' in content) {
    archive.entry({ ...common, name: path, type: 'symlink', linkname: content.linkTo, mode: 0o777 });
  } else {
    const header = { ...common, name: path, type: 'file', mode: mode ?? 0o644, size: content.size } as const;
    await pipeline(content.open(), archive.entry(header));
  }
}

/** The files and links of a tar archive, with their paths as `renamed` gives them; what it gives none for is left out. */
export async function entriesOf(
  archive: Readable,
  renamed: (path: string) => string | undefined,
): Promise<Entry[]> {
  const reading = extract();
  const done = pipeline(archive, reading);
  const entries: Entry[] = [];
  for await (const part of reading) {
    const path = renamed(part.header.name.replace(/^\.?\//, '').replace(/\/$/, ''));
    const entry = path === undefined ? undefined : entryOf(part.header, path, await buffer(part));
    if (entry === undefined) part.resume();
    else entries.push(entry);
  }
  await done;
  return entries;
}

function entryOf({ type, linkname, mode }: Header, path: string, bytes: Buffer): Entry | undefined {
  if (type === 'symlink') return { path, content: { linkTo: linkname } };
  return type === 'file' ? file(path, bytes, (mode & 0o111) === 0 ? 0o644 : 0o755) : undefined;
}
