import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { answering, freePort, start } from '../servers/program.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

/** Our registry on a directory, as an operator runs it: the server, and commands beside it. */
export interface OwnRegistry {
  readonly host: string;
  /** Runs a command with the same configuration and gives its lines of JSON. @throws Error when it ends with another code than 0. */
  run(...args: readonly string[]): Promise<readonly unknown[]>;
  stop(): Promise<void>;
}

/** Starts it over `root`. Its configuration is written into `folder`. */
export async function startOwnRegistry(root: string, folder: string): Promise<OwnRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(folder, 'registry.config.mjs');
  await writeFile(
    config,
    `import storage from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { http: { port: ${port} }, log: { level: 'warn' }, plugins: [storage({ root: ${JSON.stringify(root)} })] };
`,
  );
  const program = start(process.execPath, [executable, 'start', '--config', config], { cwd: folder });
  await answering(`http://${host}/v2/`, program);
  return {
    host,
    run: async (...args) => {
      const command = [executable, ...args, '--config', config];
      const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder });
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line));
    },
    stop: () => program.stop(),
  };
}
