import { isStorageError, withMethods, type ResponseReport, type StorageDriver } from '@entrepot/plugin-sdk';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricSource } from './exposition.ts';
import { RepositoryLabels } from './repository-labels.ts';

export interface MeasurementOptions {
  readonly repositories: readonly string[];
  readonly maxRepositories: number;
}

/** From answers out of memory to layers of gigabytes. */
const REQUEST_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
/** From files in the page cache to buckets that throttle. */
const CALL_SECONDS = [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30];
/** Methods the registry knows. Others are counted together: clients must not make up series. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** What is counted and timed as it happens. It outlives a reload of the configuration. */
export class Measurements implements MetricSource {
  readonly #registry = new Registry();
  readonly #options: MeasurementOptions;
  readonly #repositories: RepositoryLabels;
  readonly #requests = this.#counter('http_requests_total', 'Requests under /v2.', [
    'endpoint',
    'method',
    'status',
  ]);
  readonly #seconds = this.#histogram(
    'http_request_duration_seconds',
    'Seconds from the request to the end of its answer.',
    { labelNames: ['endpoint', 'method', 'status'], buckets: REQUEST_SECONDS },
  );
  readonly #received = this.#counter('http_request_bytes_total', 'Bytes of bodies received.', ['endpoint']);
  readonly #sent = this.#counter('http_response_bytes_total', 'Bytes of bodies sent.', ['endpoint']);
  readonly #calls = this.#counter(
    'storage_calls_total',
    'Calls of the storage driver, by what came of them.',
    ['verb', 'outcome'],
  );
  readonly #callSeconds = this.#histogram(
    'storage_call_duration_seconds',
    'Seconds a call of the storage driver has taken.',
    { labelNames: ['verb'], buckets: CALL_SECONDS },
  );
  readonly #calling = new Gauge({
    name: 'entrepot_storage_calls_in_progress',
    help: 'Calls that the storage has not answered.',
    registers: [this.#registry],
  });
  readonly #repositoryRequests = this.#counter(
    'repository_requests_total',
    'Requests for one of the repositories with series of their own.',
    ['repository', 'kind'],
  );
  readonly #repositoryBytes = this.#counter(
    'repository_bytes_total',
    'Bytes sent and received for one of the repositories with series of their own.',
    ['repository', 'direction'],
  );

  constructor(options: MeasurementOptions, labels: Readonly<Record<string, string>>) {
    this.#options = options;
    this.#repositories = new RepositoryLabels(options.repositories, options.maxRepositories);
    this.#registry.setDefaultLabels(labels);
  }

  /** Whether another configuration counts the same. */
  fits({ repositories, maxRepositories }: MeasurementOptions): boolean {
    const mine = this.#options;
    return (
      maxRepositories === mine.maxRepositories &&
      JSON.stringify(repositories) === JSON.stringify(mine.repositories)
    );
  }

  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Counts a request that has been answered. */
  count({ endpoint, method, status, bytes, receivedBytes, milliseconds, repository }: ResponseReport): void {
    const known = METHODS.has(method) ? method : 'other';
    this.#requests.inc({ endpoint, method: known, status });
    const kindOfStatus = `${Math.floor(status / 100)}xx`;
    this.#seconds.observe({ endpoint, method: known, status: kindOfStatus }, milliseconds / 1000);
    if (bytes > 0) this.#sent.inc({ endpoint }, bytes);
    if (receivedBytes > 0) this.#received.inc({ endpoint }, receivedBytes);
    const label = repository === undefined ? undefined : this.#repositories.labelOf(repository, status);
    if (label === undefined) return;
    const kind = known === 'GET' || known === 'HEAD' ? 'read' : 'write';
    this.#repositoryRequests.inc({ repository: label, kind });
    if (bytes > 0) this.#repositoryBytes.inc({ repository: label, direction: 'sent' }, bytes);
    if (receivedBytes > 0)
      this.#repositoryBytes.inc({ repository: label, direction: 'received' }, receivedBytes);
  }

  /** A driver whose calls are counted and timed. */
  around(driver: StorageDriver): StorageDriver {
    const deleteMany = driver.deleteMany?.bind(driver);
    const link = driver.link?.bind(driver);
    return withMethods(driver, {
      read: (key, known) => this.#time('read', driver.read(key, known)),
      write: (key, bytes, options) => this.#time('write', driver.write(key, bytes, options)),
      delete: (key, options) => this.#time('delete', driver.delete(key, options)),
      list: (prefix, options) => this.#time('list', driver.list(prefix, options)),
      open: (key, range) => this.#time('open', driver.open(key, range)),
      size: (key) => this.#time('size', driver.size(key)),
      createUpload: (key) => this.#time('createUpload', driver.createUpload(key)),
      uploadPart: (upload, part) => this.#time('uploadPart', driver.uploadPart(upload, part)),
      completeUpload: (upload, part) => this.#time('completeUpload', driver.completeUpload(upload, part)),
      abortUpload: (upload) => this.#time('abortUpload', driver.abortUpload(upload)),
      ...(deleteMany && { deleteMany: (keys) => this.#time('deleteMany', deleteMany(keys)) }),
      ...(link && { link: (from, to) => this.#time('link', link(from, to)) }),
    });
  }

  async #time<Result>(verb: string, call: Promise<Result>): Promise<Result> {
    const began = performance.now();
    this.#calling.inc();
    let outcome = 'ok';
    try {
      return await call;
    } catch (error) {
      outcome = isStorageError(error) ? error.code.toLowerCase() : 'other';
      throw error;
    } finally {
      this.#calling.dec();
      this.#calls.inc({ verb, outcome });
      this.#callSeconds.observe({ verb }, (performance.now() - began) / 1000);
    }
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `entrepot_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    options: { readonly labelNames: Label[]; readonly buckets: number[] },
  ): Histogram<Label> {
    return new Histogram({ name: `entrepot_${name}`, help, ...options, registers: [this.#registry] });
  }
}
