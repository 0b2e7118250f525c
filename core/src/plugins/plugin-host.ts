import type {
  Decisions,
  Hooks,
  PluginContext,
  PluginHandle,
  RepositoryUsage,
  StorageDriver,
} from '@entrepot/plugin-sdk';
import { Gatekeeper } from '../auth/gatekeeper.ts';
import type { LoadedPlugin } from '../config/load-plugins.ts';
import { messageOf } from '../error-message.ts';
import type { Logger } from '../log.ts';
import { HookFacade } from './hook-facade.ts';
import { withinTime } from '../time-limit.ts';

/** How long a plugin may take, in milliseconds. */
export interface PluginTimeLimits {
  readonly start: number;
  readonly health: number;
  readonly stop: number;
}

const timeLimits: PluginTimeLimits = { start: 30_000, health: 5_000, stop: 10_000 };

export interface PluginHealth {
  readonly name: string;
  readonly healthy: boolean;
  /** Why it is not. */
  readonly reason?: string;
}

/** What plugins are given besides the hooks. All of it may be left out where nothing is served. */
export interface HostSurroundings {
  /** Where requests come from. */
  readonly clientOf?: Decisions['clientOf'];
  /** The storage that is served, once it is known. */
  readonly storage?: () => StorageDriver | undefined;
  readonly usage?: () => AsyncIterable<RepositoryUsage>;
  readonly limits?: PluginTimeLimits;
}

async function* nothing(): AsyncGenerator<never> {
  // Nothing is served.
}

interface HostedPlugin {
  readonly name: string;
  readonly handle: PluginHandle;
  readonly log: Logger;
  /** The check that is running: a plugin that hangs is asked once, not once for each probe. */
  checking: Promise<void> | undefined;
}

/** Leads the plugins of one registry through their life: set up, started, asked for their health, stopped. */
export class PluginHost {
  readonly #plugins: readonly HostedPlugin[];
  readonly #gatekeeper: Gatekeeper | undefined;
  readonly #limits: PluginTimeLimits;
  #started: HostedPlugin[] = [];

  /**
   * Sets the plugins up in order, on `hooks`; nothing can be tapped afterwards.
   * @throws Error that names the plugin whose setup has failed.
   */
  constructor(
    plugins: readonly LoadedPlugin[],
    hooks: Hooks,
    log: Logger,
    surroundings: HostSurroundings = {},
  ) {
    const facade = new HookFacade(hooks);
    this.#limits = surroundings.limits ?? timeLimits;
    const gate = (): Gatekeeper => {
      if (this.#gatekeeper === undefined) throw new Error('not all plugins have been set up yet');
      return this.#gatekeeper;
    };
    const decisions: Decisions = {
      clientOf: (request) => {
        if (surroundings.clientOf === undefined) throw new Error('nothing is served, so nobody asks');
        return surroundings.clientOf(request);
      },
      identify: async (request) => gate().identify(request),
      permits: async (...question) => gate().permits(...question),
    };
    this.#plugins = plugins.map((plugin) => {
      const itsLog = log.child({ plugin: plugin.name });
      return setUp(plugin, itsLog, {
        hooks: facade.for(plugin.name, itsLog),
        decisions,
        storage: () => surroundings.storage?.(),
        usage: surroundings.usage ?? nothing,
      });
    });
    facade.seal();
    // It looks which hooks are used, so all of them have to be tapped by now.
    this.#gatekeeper = new Gatekeeper(hooks);
  }

  get names(): readonly string[] {
    return this.#plugins.map(({ name }) => name);
  }

  /**
   * Starts the plugins in order, or those of them that are `wanted`. When one fails, those that have been started are
   * stopped.
   * @throws Error that names the plugin that has failed.
   */
  async start(wanted: ReadonlySet<string> = new Set(this.names)): Promise<void> {
    for (const plugin of this.#plugins) {
      if (!wanted.has(plugin.name)) continue;
      try {
        await withinTime(
          this.#limits.start,
          call(() => plugin.handle.start?.()),
        );
      } catch (error) {
        await this.stop();
        throw new Error(`plugin ${plugin.name} could not be started: ${messageOf(error)}`, { cause: error });
      }
      this.#started.push(plugin);
    }
  }

  /** Asks all plugins at once how they are. Never rejects. */
  async health(): Promise<readonly PluginHealth[]> {
    return Promise.all(
      this.#plugins.map(async (plugin) => {
        plugin.checking ??= call(() => plugin.handle.health?.()).finally(() => {
          plugin.checking = undefined;
        });
        try {
          await withinTime(this.#limits.health, plugin.checking);
          return { name: plugin.name, healthy: true };
        } catch (error) {
          return { name: plugin.name, healthy: false, reason: messageOf(error) };
        }
      }),
    );
  }

  /** Stops the plugins that have been started, the last one first. A failure is logged, and the next one still stops. */
  async stop(): Promise<void> {
    const started = this.#started.toReversed();
    this.#started = [];
    for (const { handle, log } of started) {
      try {
        await withinTime(
          this.#limits.stop,
          call(() => handle.stop?.()),
        );
      } catch (error) {
        log.error({ err: error }, 'the plugin could not be stopped');
      }
    }
  }
}

function setUp(
  plugin: LoadedPlugin,
  log: Logger,
  context: Omit<PluginContext<never>, 'name' | 'options' | 'log'>,
): HostedPlugin {
  const { name } = plugin;
  try {
    const handle: unknown = plugin.setup({ ...context, log }) ?? {};
    if (handle instanceof Promise) {
      handle.catch(() => undefined); // It is refused whatever becomes of it.
      throw new Error('its setup is async; setup has to be synchronous, what takes time belongs into start');
    }
    if (!isHandle(handle)) throw new Error('its setup returns something else than { start, health, stop }');
    return { name, handle, log, checking: undefined };
  } catch (error) {
    throw new Error(`plugin ${name} could not be set up: ${messageOf(error)}`, { cause: error });
  }
}

function isHandle(handle: unknown): handle is PluginHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  return ['start', 'health', 'stop'].every((name) =>
    ['function', 'undefined'].includes(typeof Reflect.get(handle, name)),
  );
}

/** Makes a rejection of what is thrown at once, and a promise of what is not one. */
async function call(work: () => Promise<void> | undefined): Promise<void> {
  await work();
}
