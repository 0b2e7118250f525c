import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

/** Somebody in particular, who may do nothing in particular: the user that the image runs as. */
export const nobody = 65_532;

/** A file, folder or link of an image. The same entries are the same bytes of a layer, whoever builds it and when. */
export interface Entry {
  /** Path without `/` at either end. */
  readonly path: string;
  readonly content: FileContent | { readonly linkTo: string } | 'folder';
  /** Permissions; 0755 for folders and 0644 for files, when absent. */
  readonly mode?: number;
  /** User and group; root when absent. */
  readonly owner?: number;
}

export interface FileContent {
  /** Length in bytes. */
  readonly size: number;
  open(): Readable;
}

/** A file with these bytes. */
export function file(path: string, content: string | Buffer, mode = 0o644): Entry {
  const bytes = Buffer.from(content);
  return { path, mode, content: { size: bytes.length, open: () => Readable.from([bytes]) } };
}

/** A file of this machine under another path. Who may execute it there may do so in the image. */
export async function copied(source: string, path: string): Promise<Entry> {
  const { size, mode } = await stat(source);
  return {
    path,
    mode: (mode & 0o111) === 0 ? 0o644 : 0o755,
    content: { size, open: () => createReadStream(source) },
  };
}

/** The files of a folder of this machine, but for those of which `isWanted` says no. Links are left out. */
export async function copiedFolder(
  source: string,
  path: string,
  isWanted: (name: string) => boolean,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await readdir(source, { withFileTypes: true })) {
    if (!isWanted(entry.name)) continue;
    const [from, to] = [join(source, entry.name), `${path}/${entry.name}`];
    if (entry.isDirectory()) entries.push(...(await copiedFolder(from, to, isWanted)));
    else if (entry.isFile()) entries.push(await copied(from, to));
  }
  return entries;
}

/** In the order of their paths, each once, with the folders that they lie in. @throws Error for two of one path that are no folders. */
export function completed(entries: readonly Entry[]): Entry[] {
  const found = new Map<string, Entry>();
  for (const entry of entries) {
    const known = found.get(entry.path);
    if (known !== undefined && known.content !== 'folder') throw new Error(`${entry.path} is there twice`);
    found.set(entry.path, entry);
  }
  for (const { path } of entries) {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth += 1) {
      const folder = names.slice(0, depth).join('/');
      if (!found.has(folder)) found.set(folder, { path: folder, content: 'folder' });
    }
  }
  return [...found.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}
