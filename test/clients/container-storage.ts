import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Lays out in `home` what buildah, podman and skopeo need to live there, without an engine or a kernel's help: storage
 * on plain directories, every image accepted whoever signed it, and `registry` reached over plain HTTP.
 * @returns the environment to run them with; their HOME is `home`.
 */
export async function createContainerStorage(
  home: string,
  registry: string,
): Promise<Record<string, string>> {
  const configuration = join(home, '.config', 'containers');
  const storage = join(configuration, 'storage.conf');
  await mkdir(configuration, { recursive: true });
  await writeFile(
    storage,
    `[storage]
driver = "vfs"
graphroot = ${JSON.stringify(join(home, 'graph'))}
runroot = ${JSON.stringify(join(home, 'run'))}
`,
  );
  await writeFile(
    join(configuration, 'registries.conf'),
    `[[registry]]
location = ${JSON.stringify(registry)}
insecure = true
`,
  );
  await writeFile(
    join(configuration, 'policy.json'),
    JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
  );
  return { CONTAINERS_STORAGE_CONF: storage, BUILDAH_ISOLATION: 'chroot', TMPDIR: home };
}
