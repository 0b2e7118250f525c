import { createRegistry, type RegistryConfig } from '@entrepot/core';
import { definePlugin, type Plugin, type PluginContext, type StorageDriver } from '@entrepot/plugin-sdk';
import { HttpClient } from './http-client.ts';
import { storages, type Backend, type Storage } from './storages.ts';

/** A registry that serves on a free port, and a client for it. */
export class ServedRegistry extends HttpClient {
  /** The registry's objects, behind its back. */
  readonly driver: StorageDriver;
  readonly #stop: () => Promise<void>;
  #repositories = 0;

  constructor(url: string, backend: Backend, stop: () => Promise<void>) {
    super(url);
    this.driver = backend.driver;
    this.#stop = stop;
  }

  /** The name of a repository that nobody has used yet. */
  newRepository(): string {
    this.#repositories += 1;
    return `library/app-${this.#repositories}`;
  }

  async stop(): Promise<void> {
    this.close();
    await this.#stop();
  }
}

export type Serve = (
  config?: Omit<RegistryConfig, 'plugins'>,
  ...plugins: readonly Plugin[]
) => Promise<ServedRegistry>;

/** Runs `suite` once on each storage. What it serves is stopped when it is over. */
export function onEachStorage(title: string, suite: (serve: Serve) => void): void {
  for (const storage of storages) {
    describe(`${title} [${storage.name}]`, () => {
      const running: ServedRegistry[] = [];
      after(() => Promise.all(running.splice(0).map((registry) => registry.stop())));
      suite(async (config = {}, ...plugins) => {
        const registry = await serve(storage, config, plugins);
        running.push(registry);
        return registry;
      });
    });
  }
}

async function serve(
  storage: Storage,
  config: Omit<RegistryConfig, 'plugins'>,
  plugins: readonly Plugin[],
): Promise<ServedRegistry> {
  const backend = await storage.open();
  const registry = await createRegistry({
    log: { level: 'silent' },
    ...config,
    http: { port: 0, ...config.http },
    plugins: [backend.plugin, ...plugins],
  });
  const { url } = await registry.start();
  return new ServedRegistry(url, backend, async () => {
    await registry.stop();
    await backend.remove();
  });
}

/** A plugin that only taps hooks. */
export function plugin(
  name: string,
  tap: (hooks: PluginContext<Record<string, never>>['hooks'], name: string) => void,
): Plugin {
  return definePlugin<Record<string, never>>({
    name,
    schema: { type: 'object', additionalProperties: false, required: [] },
    setup: (context) => tap(context.hooks, context.name),
  })();
}
