import { setTimeout as sleep } from 'node:timers/promises';
import { createHooks, RegistryError, type CertificateSource } from '@entrepot/plugin-sdk';
import type { RegistryConfig, ResolvedConfig } from './config/define-config.ts';
import { resolveConfig } from './config/resolve-config.ts';
import { Clients } from './http/clients.ts';
import { createLog, type Logger } from './log.ts';
import { chooseCertificates } from './plugins/choose-certificates.ts';
import { chooseStorage } from './plugins/choose-storage.ts';
import { PluginHost } from './plugins/plugin-host.ts';
import { scheduleCollection } from './registry/collection.ts';
import { usageOf } from './registry/content.ts';
import { answerError, type RequestListener } from './server/answer.ts';
import { createDispatch, type Dispatch } from './server/dispatch.ts';
import { createEdge, type RegistryHealth } from './server/edge.ts';
import { InFlight } from './server/in-flight.ts';
import { HttpServer } from './server/server.ts';
import type { CollectionSchedule } from './store/collect/collection-schedule.ts';
import { createStore } from './store/index.ts';
import { TimeLimitedDriver } from './store/time-limited-driver.ts';
import { UploadSweep } from './store/upload-sweep.ts';
import { tlsOf, type Tls } from './tls/tls.ts';

export interface RegistryAddress {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:5000`, with `https` when there is TLS, without a slash at the end. */
  readonly url: string;
}

/** A registry: made by {@link createRegistry}, started once, stopped once. */
export interface Registry {
  /** The plugin that gives the storage. */
  readonly storage: string;
  /** Names of all plugins, in the order in which they were set up. */
  readonly plugins: readonly string[];
  /** Where it listens, once it does. */
  readonly address: RegistryAddress | undefined;
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
}

/** What taps of events get at least to finish when a registry stops, in milliseconds. */
const LEAST_TIME_FOR_EVENTS = 1000;

/**
 * Makes a registry of a configuration. Plugins are set up, nothing is started: no file, no port, no network is touched.
 * It serves in this process: `http.workers` is for the command line.
 * @throws OptionsError when the configuration has mistakes; Error when a plugin cannot be set up, or the plugins give
 *   no storage or several.
 */
export async function createRegistry(
  config: RegistryConfig | ResolvedConfig,
  options: RegistryOptions = {},
): Promise<Registry> {
  const resolved = await resolveConfig(config);
  const log = options.log ?? (await createLog(resolved.log));
  const hooks = createHooks();
  const clients = new Clients(resolved.http);
  const host = new PluginHost(resolved.plugins, hooks, log, {
    clientOf: (request) => clients.clientOf(request),
    storage: () => served,
    usage: () => usageOf(served),
  });
  const storage = chooseStorage(hooks);
  const served = new TimeLimitedDriver(storage.driver);
  const certificates = chooseCertificates(hooks);
  const store = createStore(storage.driver, {
    log,
    uploads: { maxAge: resolved.uploads.maxAge * 1000, maxConcurrent: resolved.uploads.maxConcurrent },
    manifestCacheBytes: resolved.cache.manifestBytes,
    blobCacheBytes: resolved.cache.blobBytes,
  });
  const dispatch = createDispatch({ hooks, store, config: resolved, log });
  const health = (): Promise<RegistryHealth> => registry.health();
  const edge = await createEdge({ hooks, log, dispatch: dispatch.handle, health });
  const registry = new LiveRegistry({
    config: resolved,
    log,
    host,
    storage: storage.plugin,
    sweep: new UploadSweep(store.uploads, log),
    collection: scheduleCollection({ driver: storage.driver, store, settings: resolved.gc }, log),
    dispatch,
    edge,
    tls: tlsOf(resolved.http, certificates, log),
    certificates,
    isOpen: !hooks.authenticate.isUsed(),
  });
  return registry;
}

interface LiveParts {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  readonly host: PluginHost;
  readonly storage: string;
  readonly sweep: UploadSweep;
  readonly collection: CollectionSchedule | undefined;
  readonly dispatch: Dispatch;
  readonly edge: RequestListener;
  readonly tls: Tls | undefined;
  readonly certificates: CertificateSource | undefined;
  /** Whether nobody asks clients who they are. */
  readonly isOpen: boolean;
}

class LiveRegistry implements Registry {
  readonly storage: string;
  readonly handler: RequestListener;
  readonly #parts: LiveParts;
  readonly #inFlight = new InFlight();
  readonly #server: HttpServer;
  #state: RegistryHealth['state'] = 'new';
  #address: RegistryAddress | undefined;
  #opening: Promise<void> | undefined;
  #starting: Promise<RegistryAddress> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: LiveParts) {
    const { config, log, edge, storage, tls } = parts;
    this.#parts = parts;
    this.storage = storage;
    this.handler = (request, response) => {
      this.#inFlight.add(response);
      if (this.#state !== 'stopped') edge(request, response);
      else answerError(response, new RegistryError('UNAVAILABLE', 'the registry has been stopped'), log);
    };
    this.#server = new HttpServer({
      listener: this.handler,
      settings: config.http,
      inFlight: this.#inFlight,
      tls,
      log,
    });
  }

  get plugins(): readonly string[] {
    return this.#parts.host.names;
  }

  get address(): RegistryAddress | undefined {
    return this.#address;
  }

  async health(): Promise<RegistryHealth> {
    const plugins = this.#state === 'running' ? await this.#parts.host.health() : [];
    const ready = this.#state === 'running' && plugins.every(({ healthy }) => healthy);
    return { ready, state: this.#state, plugins };
  }

  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  start(): Promise<RegistryAddress> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #open(): Promise<void> {
    if (this.#state !== 'new') throw new Error('the registry has been stopped; create another one');
    this.#state = 'starting';
    try {
      await this.#parts.host.start();
      this.#parts.sweep.start();
      this.#parts.collection?.start();
      this.#state = 'running';
    } catch (error) {
      this.#state = 'stopped';
      throw error;
    }
  }

  async #start(): Promise<RegistryAddress> {
    const { config, host, log, tls, certificates, isOpen } = this.#parts;
    await this.open();
    try {
      const { address, family, port } = await this.#server.listen();
      this.#address = {
        host: address,
        port,
        url: `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
      };
    } catch (error) {
      this.#server.stopAccepting();
      await this.#server.close();
      await Promise.all([this.#parts.sweep.stop(), this.#parts.collection?.stop()]);
      await host.stop();
      this.#state = 'stopped';
      throw error;
    }
    if (certificates !== undefined) this.#server.follow(certificates);
    log.info({ url: this.#address.url, storage: this.storage, plugins: this.plugins }, 'the registry serves');
    if (isOpen && !isLoopback(this.#address.host)) {
      log.warn(
        { host: config.http.host },
        'everyone who reaches this address may push and delete: no plugin asks who they are',
      );
    }
    return this.#address;
  }

  async #stop(): Promise<void> {
    const { config, host, sweep, collection, dispatch, log } = this.#parts;
    const { stopDelay, drainTimeout } = config.http;
    await Promise.allSettled([this.#opening, this.#starting]); // A start under way ends first.
    if (this.#state === 'running') {
      // From here on it is not ready. Whoever balances has `stopDelay` to notice before connections are refused.
      this.#state = 'stopping';
      this.#inFlight.closeConnections();
      if (stopDelay > 0) await sleep(stopDelay * 1000);
      this.#server.stopAccepting();
      const deadline = performance.now() + drainTimeout * 1000;
      await this.#inFlight.drain(drainTimeout * 1000);
      if (this.#inFlight.size > 0) log.warn({ requests: this.#inFlight.size }, 'requests in flight were cut');
      this.#inFlight.cut();
      await this.#server.close();
      await dispatch.drain(Math.max(deadline - performance.now(), LEAST_TIME_FOR_EVENTS));
      await Promise.all([sweep.stop(), collection?.stop()]);
      await host.stop();
      log.info({}, 'the registry has stopped');
    }
    this.#state = 'stopped';
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.');
}
