import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { root } from '../house/workspace.ts';

/** A registry in a process of its own, whose standard output is read. */
export interface PrintingRegistry {
  readonly url: string;
  /** Resolves with the first line, printed or yet to come, that matches. @throws Error when it ends without one. */
  line(pattern: RegExp): Promise<string>;
  /** All lines it has printed. */
  readonly lines: readonly string[];
  /** Ends it and waits for it. */
  stop(): Promise<void>;
}

/**
 * Starts `registry start` in memory with an example of docs/examples.
 * @param options of the example, as the configuration has them.
 */
export async function startPrinting(
  example: string,
  options: object,
  level: 'info' | 'debug' = 'info',
): Promise<PrintingRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-printing-'));
  const config = join(folder, 'registry.config.mjs');
  const examples = pathToFileURL(join(root, 'docs', 'examples', example, 'src', 'index.ts')).href;
  await writeFile(
    config,
    [
      `import example from ${JSON.stringify(examples)};`,
      `import storageMemory from ${JSON.stringify(import.meta.resolve('@entrepot/storage-memory'))};`,
      'export default {',
      `  http: { port: 0 }, log: { level: '${level}', format: 'json', access: false },`,
      `  plugins: [storageMemory(), example(${JSON.stringify(options)})],`,
      '};\n',
    ].join('\n'),
  );

  const child = spawn(process.execPath, [join(root, 'core', 'bin', 'registry.js'), 'start', '-c', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));

  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((printed) => pattern.test(printed));
        if (found !== undefined) resolve(found);
      };
      reader.on('line', look).on('close', () => {
        reject(new Error(`it ended without ${String(pattern)}:\n${lines.join('\n')}`));
      });
      look();
    });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true });
  };

  try {
    const [url = ''] = /http:[^"]+/.exec(await line(/the registry serves/)) ?? [];
    return { url, line, lines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
