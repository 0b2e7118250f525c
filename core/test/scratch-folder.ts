import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder of an operator: what is written there, and the workspaces installed as npm would link them. */
export interface ScratchFolder {
  readonly path: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  remove(): Promise<void>;
}

export async function createScratchFolder(): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), 'entrepot-core-'));
  await mkdir(join(path, 'node_modules'));
  await symlink(
    fileURLToPath(new URL('../../node_modules/@entrepot', import.meta.url)),
    join(path, 'node_modules/@entrepot'),
  );
  return {
    path,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), text);
      }
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
