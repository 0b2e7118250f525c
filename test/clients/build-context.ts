import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noise } from './image-layout.ts';

/** A folder that buildah and podman build an image of two layers from, with nothing but what lies in it. */
export interface BuildContext {
  readonly folder: string;
  /** The content of `/etc/hello` in the image. */
  readonly hello: string;
}

/** Writes a build context. `seed` makes its image differ from that of other seeds. */
export async function writeBuildContext(folder: string, seed: string): Promise<BuildContext> {
  const hello = `hello from ${seed}\n`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'hello'), hello);
  await writeFile(join(folder, 'noise'), noise(seed, 2_000_000));
  await writeFile(
    join(folder, 'Containerfile'),
    'FROM scratch\nCOPY hello /etc/hello\nCOPY noise /srv/noise\nCMD ["/srv/noise"]\n',
  );
  return { folder, hello };
}
