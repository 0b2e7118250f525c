import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegistryConfig } from '@entrepot/core';
import { RunningRegistry } from '../e2e/running-registry.ts';
import { startNginx, type Nginx } from '../servers/nginx.ts';
import type { Storage } from './buckets.ts';

/** A registry that nginx may send requests to. */
export interface Replica {
  readonly registry: RunningRegistry;
  readonly url: string;
}

/** Registries on one storage, equal among each other, behind nginx. */
export class Replicas {
  readonly folder: string;
  /** The file that all of them are configured by. */
  readonly config: string;
  readonly nginx: Nginx;
  readonly #started: RunningRegistry[];
  #serving: readonly Replica[];

  private constructor(folder: string, config: string, nginx: Nginx, serving: readonly Replica[]) {
    this.folder = folder;
    this.nginx = nginx;
    this.config = config;
    this.#serving = serving;
    this.#started = serving.map(({ registry }) => registry);
  }

  /** Starts `count` registries, and nginx once they serve. `settings` are more of their configuration. */
  static async start(
    storage: Storage,
    count: number,
    settings: Omit<RegistryConfig, 'plugins'> = {},
  ): Promise<Replicas> {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-replicas-'));
    const config = join(folder, 'registry.config.mjs');
    await writeFile(
      config,
      [
        `import storage from ${JSON.stringify(import.meta.resolve(storage.use))};`,
        'export default {',
        `  ...${JSON.stringify({ ...settings, http: { port: 0, stopDelay: 1, ...settings.http } })},`,
        `  plugins: [storage(${JSON.stringify(storage.options)})],`,
        '};\n',
      ].join('\n'),
    );
    const registries = Array.from({ length: count }, () => new RunningRegistry(config, folder));
    try {
      const serving = await Promise.all(registries.map(replicaOf));
      return new Replicas(folder, config, await startNginx(serving.map(({ url }) => url)), serving);
    } catch (error) {
      await end(registries);
      throw error;
    }
  }

  /** Those that nginx sends requests to now. */
  get serving(): readonly Replica[] {
    return this.#serving;
  }

  /** Starts one more and lets nginx know. */
  async add(): Promise<void> {
    const registry = new RunningRegistry(this.config, this.folder);
    this.#started.push(registry);
    const replica = await replicaOf(registry);
    await this.#balance([...this.#serving, replica]);
  }

  /** Takes the one that has served longest out of nginx, stops it then, and waits for its end. @throws Error unless it exits with 0. */
  async retire(): Promise<void> {
    const [oldest, ...others] = this.#serving;
    await this.#balance(others);
    await oldest?.registry.stop();
  }

  /** SIGKILL for the one that has served longest; nginx has to find out by itself. */
  async kill(): Promise<void> {
    const [oldest, ...others] = this.#serving;
    oldest?.registry.signal('SIGKILL');
    await oldest?.registry.ended;
    this.#serving = others;
  }

  /** Ends all of it, at once. */
  async remove(): Promise<void> {
    await this.nginx.stop();
    await end(this.#started);
    await rm(this.folder, { recursive: true, force: true });
  }

  async #balance(serving: readonly Replica[]): Promise<void> {
    await this.nginx.balance(serving.map(({ url }) => url));
    this.#serving = serving;
  }
}

async function replicaOf(registry: RunningRegistry): Promise<Replica> {
  return { registry, url: await registry.url() };
}

async function end(registries: readonly RunningRegistry[]): Promise<void> {
  for (const registry of registries) registry.signal('SIGKILL');
  await Promise.all(registries.map(({ ended }) => ended));
}
