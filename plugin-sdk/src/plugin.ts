import type { RepositoryUsage } from './admission.ts';
import type { Decisions } from './auth.ts';
import type { Diagnosis, Siblings } from './diagnostics.ts';
import type { RegistryFigures } from './figures.ts';
import type { AuditReport } from './events.ts';
import type { PluginHooks } from './hooks.ts';
import type { JSONSchemaType } from './options.ts';
import type { StorageDriver } from './storage.ts';

/** The version of the plugin contract in this file. The host refuses what it does not know. */
export const apiVersion = 1;

/** The part of pino's logger that plugins use. */
export interface Logger {
  debug(details: object, message?: string): void;
  info(details: object, message?: string): void;
  warn(details: object, message?: string): void;
  error(details: object, message?: string): void;
}

/** What `setup` gets. */
export interface PluginContext<Options> {
  /** The plugin's name, which is the name it taps hooks with. */
  readonly name: string;
  /** Validated, defaults filled in, frozen. */
  readonly options: Readonly<Options>;
  /** May tap, cannot call; sealed once the last plugin has been set up. */
  readonly hooks: PluginHooks;
  /** Carries the plugin's name on every line. */
  readonly log: Logger;
  /** The plugins of the registry as a whole, this one included. To be asked once it has been started. */
  readonly decisions: Decisions;
  /**
   * The storage of the registry, with all that is put around it: for a plugin that keeps something there, under a prefix
   * of its own. To be asked once it has been started; `undefined` where no registry is being served.
   */
  readonly storage: () => StorageDriver | undefined;
  /**
   * What each repository takes, counted in storage as it is now: that takes its time. To be asked once it has been
   * started; ends at once where no registry is being served.
   */
  usage(): AsyncIterable<RepositoryUsage>;
  /** Tells the taps of `audit`, a key that was made for instance. Nobody waits for them. */
  readonly audit: (report: AuditReport) => void;
  /** What the registry counts of itself, at this moment. To be asked once it has been started. */
  readonly figures: () => RegistryFigures;
  /** The other processes of the same registry. */
  readonly siblings: Siblings;
  /**
   * What {@link PluginHandle.handOver} of the plugin of this name has given that this one is to take the place of, when
   * a registry reloads its configuration; undefined at a start. The other one finishes its last requests meanwhile.
   */
  readonly inherited: unknown;
}

/** What a plugin wants to be asked to do while the registry lives. */
export interface PluginHandle {
  /** Opens connections, checks credentials. HTTP listens only when every plugin has started. At most 30 s. */
  start?(): Promise<void>;
  /** Throws when the plugin cannot do its work. At most 5 s. */
  health?(): Promise<void>;
  /** Idempotent. Called in reverse order after HTTP has drained. At most 10 s. */
  stop?(): Promise<void>;
  /**
   * Gives what its successor is to have as `inherited` when the configuration is reloaded: state that would be lost
   * otherwise. The successor may never come to serve, and this one goes on until it does.
   */
  handOver?(): unknown;
  /** Looks at what the plugin needs, for `registry doctor`: without having been started, and changing nothing. At most 30 s. */
  diagnose?(): Promise<readonly Diagnosis[]>;
}

export interface PluginDefinition<Options> {
  /** kebab-case, role first: `storage-s3`, `auth-htpasswd`, `events-webhook`. */
  readonly name: string;
  /** JSON schema of the options; the home of their shape, defaults and descriptions. `additionalProperties: false`. */
  readonly schema: JSONSchemaType<Options>;
  /**
   * The registry does its work without it, as without a sink of events: when it cannot start or is not well, that is
   * logged and told by `/readyz`, and the registry is ready all the same.
   */
  readonly optional?: boolean;
  /** Taps hooks. Synchronous and without I/O, so that `registry check` can wire a registry without a network. */
  readonly setup: (context: PluginContext<Options>) => PluginHandle | void;
}

/** A configured plugin: plain data and a function, so that two copies of this package in one tree still work. */
export interface Plugin {
  readonly apiVersion: number;
  readonly name: string;
  readonly schema: object;
  readonly options: unknown;
  /** As in {@link PluginDefinition}. */
  readonly optional?: boolean;
  readonly setup: (context: PluginContext<never>) => PluginHandle | void;
}

/** Options may be left out altogether when none of them is required. */
type OptionsOf<Input> = Record<string, never> extends Input ? [options?: Input] : [options: Input];

/** Called in `registry.config.js` with what the user writes; carries the schema for documentation and tests. */
export interface PluginFactory<Input> {
  (...options: OptionsOf<Input>): Plugin;
  readonly pluginName: string;
  readonly schema: object;
}

/**
 * Declares a plugin. A plugin package default-exports the result.
 * `Input` is what users write, `Options` what `setup` sees once the defaults are in: give both when there are defaults.
 */
export function definePlugin<Options, Input = Options>(
  definition: PluginDefinition<Options>,
): PluginFactory<Input> {
  const { name, schema, optional, setup } = definition;
  const factory = (...[options]: OptionsOf<Input>): Plugin => ({
    apiVersion,
    name,
    schema,
    options,
    ...(optional === undefined ? {} : { optional }),
    setup,
  });
  return Object.assign(factory, { pluginName: name, schema });
}
