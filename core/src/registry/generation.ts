import {
  createHooks,
  type CertificateSource,
  type Hooks,
  type RegistryFigures,
  type Siblings,
} from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { Clients } from '../http/clients.ts';
import { logParts, partOf, type Logger, type LogPart } from '../log.ts';
import { chooseCertificates } from '../plugins/choose-certificates.ts';
import { chooseStorage } from '../plugins/choose-storage.ts';
import { PluginHost, type PluginHealth } from '../plugins/plugin-host.ts';
import type { RequestListener } from '../server/answer.ts';
import { addDebugEndpoints } from '../server/debug-endpoints.ts';
import { DiagnosticEndpoints } from '../server/diagnostic-endpoints.ts';
import { createDispatch, type Dispatch } from '../server/dispatch.ts';
import { createEdge, type RegistryHealth } from '../server/edge.ts';
import { noCollection, type CollectionSchedule } from '../store/collect/collection-schedule.ts';
import { createStore, type Store } from '../store/index.ts';
import type { RetentionSchedule } from '../store/retention-schedule.ts';
import { TimeLimitedDriver } from '../store/time-limited-driver.ts';
import { UploadSweep } from '../store/upload-sweep.ts';
import type { SiblingChannel } from '../workers/sibling-channel.ts';
import { scheduleCollection } from './collection.ts';
import { usageOf } from './content.ts';
import { isLoopback } from './loopback.ts';
import { scheduleRetention } from './retention.ts';

export interface GenerationParts {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  /** How the registry is, not this generation alone: for `/readyz`. */
  readonly health: () => Promise<RegistryHealth>;
  readonly siblings: SiblingChannel | undefined;
  /** What the plugins of the generation before hand over. */
  readonly inherited?: ReadonlyMap<string, unknown>;
}

/**
 * Everything that one configuration makes of a registry: its plugins, its storage, and what answers requests with them.
 * A reload puts another one in its place, beside which it finishes its last requests.
 */
export class Generation {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  /** The plugin that gives the storage. */
  readonly storage: string;
  /** What gives the certificate that is shown, when a plugin does. */
  readonly certificates: CertificateSource | undefined;
  /** Whether nobody asks clients who they are. */
  readonly isOpen: boolean;
  readonly answer: RequestListener;
  /** The endpoints for operators; undefined when there is nothing to show. */
  readonly diagnostics: DiagnosticEndpoints | undefined;
  readonly #host: PluginHost;
  readonly #answers: SiblingAnswers;
  readonly #dispatch: Dispatch;
  readonly #sweep: UploadSweep;
  readonly #collection: CollectionSchedule | undefined;
  readonly #retention: RetentionSchedule | undefined;

  private constructor(
    { config, log }: GenerationParts,
    made: {
      readonly storage: string;
      readonly hooks: Hooks;
      readonly host: PluginHost;
      readonly answers: SiblingAnswers;
      readonly dispatch: Dispatch;
      readonly edge: RequestListener;
      readonly diagnostics: DiagnosticEndpoints | undefined;
      readonly sweep: UploadSweep;
      readonly collection: CollectionSchedule | undefined;
      readonly retention: RetentionSchedule | undefined;
    },
  ) {
    this.config = config;
    this.log = log;
    this.storage = made.storage;
    this.certificates = chooseCertificates(made.hooks);
    this.isOpen = !made.hooks.authenticate.isUsed();
    this.answer = made.edge;
    this.diagnostics = made.diagnostics;
    this.#host = made.host;
    this.#answers = made.answers;
    this.#dispatch = made.dispatch;
    this.#sweep = made.sweep;
    this.#collection = made.collection;
    this.#retention = made.retention;
  }

  /**
   * Sets the plugins up and starts nothing: no file, no port, no network is touched.
   * @throws Error when a plugin cannot be set up, or the plugins give no storage or several.
   */
  static async create(parts: GenerationParts): Promise<Generation> {
    const { config, log, health, siblings, inherited = new Map() } = parts;
    const answers: SiblingAnswers = new Map();
    const hooks = createHooks();
    const figures = (): RegistryFigures => figuresOf(store, dispatch, collection);
    const clients = new Clients(config.http);
    const host = new PluginHost(config.plugins, hooks, log, {
      clientOf: (request) => clients.clientOf(request),
      figures,
      siblingsOf: (plugin) => ({
        worker: siblings?.worker,
        answer: (give) => void answers.set(plugin, give),
        ask: async () => (await siblings?.ask(plugin)) ?? [],
      }),
      inherited,
      logOf: (plugin) => partOf(log.child({ plugin }), plugin, config.log),
      exists: async (repository) => store.catalog.has(repository),
      storage: () => storageOfPlugins,
      usage: () => usageOf(storageOfPlugins),
    });
    refuseUnknownParts(config, host.names);
    const logOf = (part: LogPart): Logger => partOf(log, part, config.log);
    const storage = chooseStorage(hooks);
    const storageOfPlugins = new TimeLimitedDriver(storage.driver);
    const store = createStore(storage.driver, {
      log: logOf('store'),
      uploads: { maxAge: config.uploads.maxAge * 1000, maxConcurrent: config.uploads.maxConcurrent },
      manifestCacheBytes: config.cache.manifestBytes,
      blobCacheBytes: config.cache.blobBytes,
      keepsDeleted: config.gc.restoreWindow > 0,
    });
    const { audit, tracer } = host;
    const dispatch = createDispatch({ hooks, store, config, log, logOf, audit, tracer });
    const collection = scheduleCollection(
      { driver: storage.driver, store, settings: config.gc },
      logOf('gc'),
    );
    return new Generation(parts, {
      storage: storage.plugin,
      hooks,
      host,
      answers,
      dispatch,
      edge: await createEdge({ hooks, log, dispatch: dispatch.handle, health }),
      diagnostics: diagnosticsOf(parts, hooks, figures),
      sweep: new UploadSweep(store.uploads, log),
      collection,
      retention: scheduleRetention(
        { driver: storage.driver, store, policy: hooks.retention.call(), settings: config.gc },
        logOf('gc'),
      ),
    });
  }

  /** Names of all plugins, in the order in which they were set up. */
  get plugins(): readonly string[] {
    return this.#host.names;
  }

  /**
   * Starts the plugins, and what goes on beside the requests.
   * @throws Error that names the plugin that cannot start; nothing is left running then.
   */
  async open(): Promise<void> {
    await this.#host.start();
    this.#sweep.start();
    this.#collection?.start();
    this.#retention?.start();
  }

  /** Asks the plugins how they are. Never rejects. */
  health(): Promise<readonly PluginHealth[]> {
    return this.#host.health();
  }

  /** What its plugins hand over to those of the next generation, by their names. */
  handOver(): ReadonlyMap<string, unknown> {
    return this.#host.handOver();
  }

  /** What a plugin has to say to the same one in another process; undefined when it says nothing. */
  async answerSibling(plugin: string): Promise<string | undefined> {
    return this.#answers.get(plugin)?.();
  }

  /**
   * Waits for the taps of events, at most so many milliseconds, and stops the plugins, the last one first. For when the
   * last request has been answered.
   */
  async close(timeForEvents: number): Promise<void> {
    await this.#dispatch.drain(timeForEvents);
    await Promise.all([this.#sweep.stop(), this.#collection?.stop(), this.#retention?.stop()]);
    await this.#host.stop();
  }
}

/** What plugins answer their likes in other processes, by their names. */
type SiblingAnswers = Map<string, Parameters<Siblings['answer']>[0]>;

/** A level for what there is not would be a level for nothing. @throws Error that names the parts there are. */
function refuseUnknownParts({ log }: ResolvedConfig, plugins: readonly string[]): void {
  const known: readonly string[] = [...logParts, ...plugins];
  const unknown = Object.keys(log.levels).find((part) => !known.includes(part));
  if (unknown === undefined) return;
  throw new Error(`log.levels: there is no part '${unknown}'; there are ${known.join(', ')}`);
}

/** @throws Error when debugging would be open to others, or a tap throws. */
function diagnosticsOf(
  { config: { diagnostics: settings }, log, health }: GenerationParts,
  hooks: Hooks,
  figures: () => RegistryFigures,
): DiagnosticEndpoints | undefined {
  if (!settings.debug && !hooks.diagnostics.isUsed()) return undefined;
  if (settings.debug && !isLoopback(settings.host)) {
    throw new Error(
      `diagnostics.debug shows what is for those on this machine alone: set diagnostics.host to 127.0.0.1, not ${settings.host}, or turn it off`,
    );
  }
  const endpoints = new DiagnosticEndpoints(log);
  endpoints.json('/livez', () => ({ state: 'alive' }));
  endpoints.json('/readyz', health);
  if (settings.debug) addDebugEndpoints(endpoints, figures);
  hooks.diagnostics.call(endpoints);
  return endpoints;
}

function figuresOf(
  store: Store,
  dispatch: Dispatch,
  collection: CollectionSchedule | undefined,
): RegistryFigures {
  const { records, manifests, blobs } = store.caches;
  return {
    ...dispatch.figures,
    uploads: store.uploads.receiving.taken,
    caches: { records: records.figures, manifests: manifests.figures, blobs: blobs.figures },
    collection: collection?.figures ?? noCollection,
  };
}
