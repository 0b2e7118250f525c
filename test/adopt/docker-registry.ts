import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answering, debianPrograms, freePort, start } from '../servers/program.ts';

/** Debian's package of the CNCF distribution registry, 2.8. */
export interface DockerRegistry {
  /** `127.0.0.1:<port>`: what stands in front of a repository in a reference. */
  readonly host: string;
  /** Its configuration. */
  readonly config: string;
  /** Removes what nothing refers to, as it can only do while it does not serve. */
  collectGarbage(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts it over a storage, as its configuration names it. The configuration is written into `folder`. */
export async function startDockerRegistry(storage: object, folder: string): Promise<DockerRegistry> {
  await debianPrograms(['docker-registry'], ['docker-registry']);
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'warn' },
      storage: { ...storage, delete: { enabled: true }, redirect: { disable: true } },
      http: { addr: host, secret: 'of-this-test' },
    }),
  );
  // Its AWS SDK takes no bundle of CAs from the environment.
  const program = start('docker-registry', ['serve', config], { cwd: folder, env: { AWS_CA_BUNDLE: '' } });
  await answering(`http://${host}/v2/`, program);
  return {
    host,
    config,
    collectGarbage: async () =>
      (await promisify(execFile)('docker-registry', ['garbage-collect', config], { cwd: folder })).stdout,
    stop: () => program.stop(),
  };
}
