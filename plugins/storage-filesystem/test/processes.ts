import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('contender.ts', import.meta.url));

/** One process that uses a root, see contender.ts. */
export class Contender {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  /** What it has said so far, without `ready`. */
  readonly lines: string[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(root: string, ...job: readonly string[]) {
    this.#child = spawn(process.execPath, ['--conditions=@entrepot/source', script, root, ...job], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = once(this.#child, 'close');
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('the process has no output');
    createInterface(stdout).on('line', (line) => {
      this.lines.push(line);
      for (const listener of this.#listeners) listener();
    });
  }

  /** Returns when it has said `line`. */
  async says(line: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!this.lines.includes(line)) return;
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
      check();
    });
  }

  /** Lets it begin. */
  begin(): void {
    this.#child.stdin?.end();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Returns when it has ended by itself, as it should. */
  async end(): Promise<void> {
    const [code] = await this.#ended;
    if (code !== 0) throw new Error(`the process ended with ${String(code)}`);
  }
}
