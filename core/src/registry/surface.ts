import type { RegistryConfig, ResolvedConfig } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import type { RequestListener } from '../server/answer.ts';
import type { RegistryHealth } from '../server/edge.ts';
import type { SiblingChannel } from '../workers/sibling-channel.ts';
import type { RegistryAddress } from './address.ts';

/** What came of a reload. */
export interface Reload {
  /** Settings that have changed and count only after a restart: `http.port`. */
  readonly afterRestart: readonly string[];
}

/** A registry: made by `createRegistry`, started once, stopped once. */
export interface Registry {
  /** The plugin that gives the storage. */
  readonly storage: string;
  /** Names of all plugins, in the order in which they were set up. */
  readonly plugins: readonly string[];
  /** Where it listens, once it does. */
  readonly address: RegistryAddress | undefined;
  /** Where it listens for operators, once it does; see `diagnostics` in the configuration. */
  readonly diagnostics: RegistryAddress | undefined;
  /** Answers requests, for mounting behind another server; {@link open} the registry before. */
  readonly handler: RequestListener;

  /** Starts the plugins without listening. */
  open(): Promise<void>;
  /**
   * Starts the plugins, then listens.
   * @throws Error when a plugin cannot start or the address cannot be had; nothing is left running then.
   */
  start(): Promise<RegistryAddress>;
  /**
   * Goes on with another configuration. Its plugins are set up, started and asked for their health beside those that
   * serve; only then new requests go to them, and no request fails on the way: those under way are finished by the
   * plugins they began with, which are stopped after the last. Reloads asked for meanwhile wait.
   * @throws Error when it is not running, or the configuration has mistakes, or a plugin cannot be set up, started, or
   *   is not well: the registry then goes on as before.
   */
  reload(config: RegistryConfig | ResolvedConfig): Promise<Reload>;
  /**
   * Turns unready, goes on for `http.stopDelay`, then takes no new connections, lets requests in flight finish within
   * `http.drainTimeout`, cuts the others, waits for the taps of events, and stops the plugins, the last one first. May
   * be called at any time and more than once.
   */
  stop(): Promise<void>;
  /** Asks the plugins, while it runs; before and after that it is not ready. */
  health(): Promise<RegistryHealth>;
}

export interface RegistryOptions {
  /** Where the registry logs. Default: standard output, as `config.log` says. */
  readonly log?: Logger;
  /** The way to the other processes that serve the same registry: the command line gives it to its workers. */
  readonly siblings?: SiblingChannel;
}
