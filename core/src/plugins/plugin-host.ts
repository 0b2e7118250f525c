import type {
  Decisions,
  Diagnosis,
  Hooks,
  PluginContext,
  PluginHandle,
  RegistryFigures,
  RepositoryUsage,
  Siblings,
  StorageDriver,
  Tracer,
} from '@entrepot/plugin-sdk';
import { Gatekeeper } from '../auth/gatekeeper.ts';
import { AuditTrail } from '../events/audit-trail.ts';
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
  readonly diagnose: number;
}

const timeLimits: PluginTimeLimits = { start: 30_000, health: 5_000, stop: 10_000, diagnose: 30_000 };

export interface PluginHealth {
  readonly name: string;
  readonly healthy: boolean;
  /** The registry does its work without it. */
  readonly optional?: true;
  /** Why it is not healthy. */
  readonly reason?: string;
}

/** What a plugin says of what it needs. */
export interface PluginDiagnosis extends Diagnosis {
  readonly plugin: string;
}

/** What plugins are given besides the hooks. All of it may be left out where nothing is served. */
export interface HostSurroundings {
  /** Where requests come from. */
  readonly clientOf?: Decisions['clientOf'];
  readonly figures?: () => RegistryFigures;
  /** Whether there is such a repository, for rules that the decisions of plugins ask. */
  readonly exists?: (repository: string) => Promise<boolean>;
  /** The storage that is served, once it is known. */
  readonly storage?: () => StorageDriver | undefined;
  readonly usage?: () => AsyncIterable<RepositoryUsage>;
  readonly siblingsOf?: (plugin: string) => Siblings;
  /** What the plugins of the host before this one hand over, by their names. */
  readonly inherited?: ReadonlyMap<string, unknown>;
  readonly limits?: PluginTimeLimits;
  /** The log of each plugin. Default: a child of the log with its name. */
  readonly logOf?: (plugin: string) => Logger;
}

/** There are none: the process is alone. */
const alone: Siblings = { worker: undefined, answer: () => undefined, ask: async () => [] };

async function* nothing(): AsyncGenerator<never> {
  // Nothing is served.
}

interface HostedPlugin {
  readonly name: string;
  readonly optional: boolean;
  readonly handle: PluginHandle;
  readonly log: PluginContext<never>['log'];
  /** The check that is running: a plugin that hangs is asked once, not once for each probe. */
  checking: Promise<void> | undefined;
  /** Why it could not be started, when the registry runs without it. */
  notStarted: string | undefined;
}

/** Leads the plugins of one registry through their life: set up, started, asked for their health, stopped. */
export class PluginHost {
  /** What follows requests through the registry, when a plugin gives it. */
  readonly tracer: Tracer | undefined;
  /** Tells the taps of `audit` what concerns access. */
  readonly audit: AuditTrail;
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
    this.audit = new AuditTrail(hooks, log);
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
    const figures = (): RegistryFigures => {
      if (surroundings.figures === undefined) throw new Error('nothing is served, so nothing is counted');
      return surroundings.figures();
    };
    this.#plugins = plugins.map((plugin) => {
      const { name } = plugin;
      const itsLog = surroundings.logOf?.(name) ?? log.child({ plugin: name });
      return setUp(plugin, {
        hooks: facade.for(name, itsLog),
        log: itsLog,
        decisions,
        storage: () => surroundings.storage?.(),
        usage: surroundings.usage ?? nothing,
        audit: (report) => this.audit.report(report),
        figures,
        siblings: surroundings.siblingsOf?.(name) ?? alone,
        inherited: surroundings.inherited?.get(name),
      });
    });
    this.tracer = hooks.trace.call();
    facade.seal(this.tracer);
    // It looks which hooks are used, so all of them have to be tapped by now.
    this.#gatekeeper = new Gatekeeper(hooks, surroundings.exists, this.audit);
  }

  get names(): readonly string[] {
    return this.#plugins.map(({ name }) => name);
  }

  /**
   * Starts the plugins in order, or those of them that are `wanted`. When one fails that is not optional, those that
   * have been started are stopped.
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
        if (plugin.optional) {
          plugin.notStarted = `it could not be started: ${messageOf(error)}`;
          plugin.log.error(
            { err: error },
            'the plugin could not be started, the registry goes on without it',
          );
          continue;
        }
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
        const which = plugin.optional
          ? ({ name: plugin.name, optional: true } as const)
          : { name: plugin.name };
        if (plugin.notStarted !== undefined) return { ...which, healthy: false, reason: plugin.notStarted };
        plugin.checking ??= call(() => plugin.handle.health?.()).finally(() => {
          plugin.checking = undefined;
        });
        try {
          await withinTime(this.#limits.health, plugin.checking);
          return { ...which, healthy: true };
        } catch (error) {
          return { ...which, healthy: false, reason: messageOf(error) };
        }
      }),
    );
  }

  /** What the plugins hand over to those of the next configuration, by their names. */
  handOver(): ReadonlyMap<string, unknown> {
    return new Map(this.#plugins.map(({ name, handle }) => [name, handle.handOver?.()]));
  }

  /** Has every plugin look at what it needs; none has to be started. One that fails to is told as bad. Never rejects. */
  async diagnose(): Promise<readonly PluginDiagnosis[]> {
    const found = await Promise.all(
      this.#plugins.map(async ({ name, handle }) => {
        try {
          const diagnoses = await withinTime(
            this.#limits.diagnose,
            (async () => (await handle.diagnose?.()) ?? [])(),
          );
          return diagnoses.map((diagnosis) => ({ ...diagnosis, plugin: name }));
        } catch (error) {
          const finding = messageOf(error);
          return [{ plugin: name, subject: 'the plugin', state: 'bad' as const, finding }];
        }
      }),
    );
    return found.flat();
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

function setUp(plugin: LoadedPlugin, context: Omit<PluginContext<never>, 'name' | 'options'>): HostedPlugin {
  const { name, optional } = plugin;
  const { log } = context;
  try {
    const handle: unknown = plugin.setup(context) ?? {};
    if (handle instanceof Promise) {
      handle.catch(() => undefined); // It is refused whatever becomes of it.
      throw new Error('its setup is async; setup has to be synchronous, what takes time belongs into start');
    }
    if (!isHandle(handle)) throw new Error('its setup returns something else than { start, health, stop }');
    return { name, optional, handle, log, checking: undefined, notStarted: undefined };
  } catch (error) {
    throw new Error(`plugin ${name} could not be set up: ${messageOf(error)}`, { cause: error });
  }
}

function isHandle(handle: unknown): handle is PluginHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  return ['start', 'health', 'stop', 'handOver', 'diagnose'].every((name) =>
    ['function', 'undefined'].includes(typeof Reflect.get(handle, name)),
  );
}

/** Makes a rejection of what is thrown at once, and a promise of what is not one. */
async function call(work: () => Promise<void> | undefined): Promise<void> {
  await work();
}
