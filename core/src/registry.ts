import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '@entrepot/plugin-sdk';
import type { RegistryConfig, ResolvedConfig } from './config/define-config.ts';
import { resolveConfig } from './config/resolve-config.ts';
import { createLog, partOf } from './log.ts';
import type { PluginHealth } from './plugins/plugin-host.ts';
import { addressOf, type RegistryAddress } from './registry/address.ts';
import { Generation } from './registry/generation.ts';
import { isLoopback } from './registry/loopback.ts';
import type { Registry, RegistryOptions, Reload } from './registry/surface.ts';
import { fixedSettings } from './registry/fixed-settings.ts';
import { answerError, type RequestListener } from './server/answer.ts';
import { DiagnosticServer } from './server/diagnostic-server.ts';
import type { RegistryHealth } from './server/edge.ts';
import { InFlight } from './server/in-flight.ts';
import { HttpServer } from './server/server.ts';
import { tlsOf } from './tls/tls.ts';
import type { SiblingChannel } from './workers/sibling-channel.ts';

export type { Registry } from './registry/surface.ts';

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
  const health = (): Promise<RegistryHealth> => registry.health();
  const { siblings } = options;
  const first = await Generation.create({ config: resolved, log, health, siblings });
  const registry = new LiveRegistry(first, siblings);
  return registry;
}

class LiveRegistry implements Registry {
  readonly handler: RequestListener;
  readonly #inFlight = new InFlight();
  readonly #server: HttpServer;
  readonly #diagnosticServer: DiagnosticServer;
  readonly #siblings: SiblingChannel | undefined;
  /** What serves now. */
  #current: Generation;
  /** The ends of generations that finish their last requests. */
  readonly #retiring = new Set<Promise<void>>();
  #state: RegistryHealth['state'] = 'new';
  #address: RegistryAddress | undefined;
  #diagnostics: RegistryAddress | undefined;
  #opening: Promise<void> | undefined;
  #starting: Promise<RegistryAddress> | undefined;
  #reloading: Promise<unknown> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(first: Generation, siblings: SiblingChannel | undefined) {
    const { config, log } = first;
    this.#current = first;
    this.#siblings = siblings;
    siblings?.answer((plugin) => this.#current.answerSibling(plugin));
    this.handler = (request, response) => {
      this.#inFlight.add(response);
      if (this.#state !== 'stopped') this.#current.answer(request, response);
      else answerError(response, new RegistryError('UNAVAILABLE', 'the registry has been stopped'), log);
    };
    this.#server = new HttpServer({
      listener: this.handler,
      settings: config.http,
      inFlight: this.#inFlight,
      tls: tlsOf(config.http, first.certificates, log),
      log: partOf(log, 'http', config.log),
    });
    this.#diagnosticServer = new DiagnosticServer(
      (request, response) => void this.#current.diagnostics?.answer(request, response),
      log,
    );
  }

  get storage(): string {
    return this.#current.storage;
  }

  get plugins(): readonly string[] {
    return this.#current.plugins;
  }

  get address(): RegistryAddress | undefined {
    return this.#address;
  }

  get diagnostics(): RegistryAddress | undefined {
    return this.#diagnostics;
  }

  async health(): Promise<RegistryHealth> {
    const plugins = this.#state === 'running' ? await this.#current.health() : [];
    return { ready: this.#state === 'running' && plugins.every(suffices), state: this.#state, plugins };
  }

  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  start(): Promise<RegistryAddress> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  reload(config: RegistryConfig | ResolvedConfig): Promise<Reload> {
    const before = Promise.allSettled([this.#opening, this.#starting, this.#reloading]);
    const reloading = before.then(() => this.#reload(config));
    this.#reloading = reloading;
    return reloading;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #open(): Promise<void> {
    if (this.#state !== 'new') throw new Error('the registry has been stopped; create another one');
    this.#state = 'starting';
    try {
      await this.#current.open();
      this.#state = 'running';
    } catch (error) {
      this.#state = 'stopped';
      throw error;
    }
  }

  async #start(): Promise<RegistryAddress> {
    const { config, log, storage, plugins, certificates, isOpen } = this.#current;
    await this.open();
    try {
      const scheme = config.http.tls === undefined ? 'http' : 'https';
      this.#address = addressOf(scheme, await this.#server.listen());
      await this.#showDiagnostics(this.#current);
    } catch (error) {
      this.#server.stopAccepting();
      await this.#server.close();
      await this.#diagnosticServer.close();
      await this.#current.close(0);
      this.#state = 'stopped';
      throw error;
    }
    const { url, host } = this.#address;
    const diagnostics = this.#diagnostics?.url;
    if (certificates !== undefined) this.#server.follow(certificates);
    log.info({ url, storage, plugins, diagnostics }, 'the registry serves');
    if (isOpen && !isLoopback(host)) {
      log.warn(
        { host: config.http.host },
        'everyone who reaches this address may push and delete: no plugin asks who they are',
      );
    }
    return this.#address;
  }

  async #reload(input: RegistryConfig | ResolvedConfig): Promise<Reload> {
    const before = this.#current;
    this.#requireRunning();
    const config = await resolveConfig(input);
    const { level } = config.log;
    const next = await Generation.create({
      config,
      log: level === before.config.log.level ? before.log : before.log.child({}, { level }),
      health: () => this.health(),
      siblings: this.#siblings,
      inherited: before.handOver(),
    });
    await next.open();
    try {
      const ill = (await next.health()).filter((plugin) => !suffices(plugin));
      if (ill.length > 0) {
        throw new Error(ill.map(({ name, reason }) => `plugin ${name} is not well: ${reason}`).join('; '));
      }
      this.#requireRunning();
      if (this.#address !== undefined) await this.#showDiagnostics(next);
      this.#requireRunning();
    } catch (error) {
      await next.close(0);
      throw error;
    }
    // From here to the next await nothing else runs: a request belongs to the one or to the other.
    const answered = this.#inFlight.present();
    this.#current = next;
    if (next.certificates !== undefined) this.#server.follow(next.certificates);
    const retired = this.#retire(before, answered).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    const { storage, plugins } = next;
    const afterRestart = fixedSettings(before.config, next.config);
    next.log.info(
      { storage, plugins, diagnostics: this.#diagnostics?.url },
      'the configuration has been reloaded',
    );
    if (afterRestart.length > 0)
      next.log.warn({ settings: afterRestart }, 'settings have changed that count only after a restart');
    return { afterRestart };
  }

  async #stop(): Promise<void> {
    const { log } = this.#current;
    await Promise.allSettled([this.#opening, this.#starting]); // A start under way ends first.
    if (this.#state === 'running') {
      // From here on it is not ready. Whoever balances has `stopDelay` to notice before connections are refused.
      this.#state = 'stopping';
      await Promise.allSettled([this.#reloading]); // It gives up now, or has come to its end.
      const { stopDelay, drainTimeout } = this.#current.config.http;
      this.#inFlight.closeConnections();
      if (stopDelay > 0) await sleep(stopDelay * 1000);
      this.#server.stopAccepting();
      const deadline = performance.now() + drainTimeout * 1000;
      await this.#inFlight.drain(drainTimeout * 1000);
      if (this.#inFlight.size > 0) log.warn({ requests: this.#inFlight.size }, 'requests in flight were cut');
      this.#inFlight.cut();
      await this.#server.close();
      await this.#current.close(Math.max(deadline - performance.now(), LEAST_TIME_FOR_EVENTS));
      await Promise.all(this.#retiring);
      await this.#diagnosticServer.close();
      log.info({}, 'the registry has stopped');
    }
    this.#state = 'stopped';
  }

  /** Finishes what a generation has begun, and stops its plugins. */
  async #retire(generation: Generation, answered: Promise<void>): Promise<void> {
    await answered;
    await generation.close(generation.config.http.drainTimeout * 1000);
    generation.log.info(
      { plugins: generation.plugins },
      'the plugins of the configuration before have been stopped',
    );
  }

  /** Listens for operators from the first generation on that has something to show. */
  async #showDiagnostics({ diagnostics, config }: Generation): Promise<void> {
    if (diagnostics === undefined || this.#diagnostics !== undefined) return;
    this.#diagnostics = addressOf('http', await this.#diagnosticServer.listen(config.diagnostics));
  }

  #requireRunning(): void {
    if (this.#state !== 'running') throw new Error(`the registry is ${this.#state}, and cannot be reloaded`);
  }
}

/** Whether a registry can do its work with the plugin as it is. */
function suffices({ healthy, optional }: PluginHealth): boolean {
  return healthy || optional === true;
}
