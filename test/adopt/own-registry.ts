import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Storage } from '../replicas/buckets.ts';
import { answering, freePort, start } from '../servers/program.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

/** Our registry, as an operator runs it: the server, and commands beside it. */
export interface OwnRegistry {
  readonly host: string;
  /** Runs a command with the same configuration and gives its lines of JSON. @throws Error when it ends with another code than 0. */
  run(...args: readonly string[]): Promise<readonly unknown[]>;
  stop(): Promise<void>;
}

/** Starts it over a storage. Its configuration is written into `folder`. */
export async function startOwnRegistry({ use, options }: Storage, folder: string): Promise<OwnRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(folder, 'registry.config.mjs');
  await writeFile(
    config,
    `import storage from ${JSON.stringify(import.meta.resolve(use))};
export default { http: { port: ${port} }, log: { level: 'warn' }, plugins: [storage(${JSON.stringify(options)})] };
`,
  );
  const program = start(process.execPath, [executable, 'start', '--config', config], { cwd: folder });
  await answering(`http://${host}/v2/`, program);
  return {
    host,
    run: async (...args) => {
      const { stdout } = await promisify(execFile)(process.execPath, [executable, ...args], { cwd: folder });
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line));
    },
    stop: () => program.stop(),
  };
}
