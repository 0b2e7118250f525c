import cluster, { type Address, type Worker } from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { messageOf } from '../error-message.ts';
import type { Logger } from '../log.ts';
import { listenError } from '../server/listen-error.ts';
import { BackOff } from './back-off.ts';
import { closeLostConnections } from './lost-connections.ts';
import { Relay, tell } from './relay.ts';
import { messageIn } from './worker-messages.ts';
import { numberVariable } from './worker-number.ts';

export interface WorkersOptions {
  /** How many. */
  readonly count: number;
  /** The command line of each: it has to make the worker listen on {@link port}. */
  readonly arguments: readonly string[];
  readonly port: number;
  /** How clients speak to them. */
  readonly scheme: 'http' | 'https';
  /** Milliseconds the workers have to stop; those that are left then are killed. */
  readonly patience: number;
  readonly log: Logger;
}

/** How a worker ends that was told to; by the signal itself when it had not come so far as to listen to it. */
const STOPPED = ['exit code 0', 'SIGTERM', 'SIGINT'];

/** A place that a worker fills, one process after another. */
interface Place {
  /** From 1; the worker says it in each line of its log. */
  readonly number: number;
  readonly backOff: BackOff;
  worker: Worker | undefined;
  /** When the worker began to listen. */
  servesSince: number | undefined;
  /** Runs while the place waits for its next worker. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * The processes of one registry on one port. This process, their primary, hands connections out and replaces workers
 * that die; it neither sets plugins up nor answers a request. When it dies, so do they.
 */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #places: readonly Place[];
  readonly #relay = new Relay();
  readonly #outcome = Promise.withResolvers<void>();
  #state: 'starting' | 'running' | 'stopping' = 'starting';
  #failure: Error | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.count }, (_, index) => ({
      number: index + 1,
      backOff: new BackOff(),
      worker: undefined,
      servesSince: undefined,
      timer: undefined,
    }));
  }

  /**
   * Runs until {@link stop} has been called and all workers have ended.
   * @throws Error when one ends before all serve, or one after another soon after it was started; the others have been
   *   stopped then.
   */
  async run(): Promise<void> {
    // Round robin: the primary accepts and deals connections out. Measured against workers that accept from a shared
    // socket: a request on a connection that is kept costs the same, one that brings its connection costs 0.13 ms more
    // CPU (0.32 for 0.19). But a shared socket gives all of 4 connections that a client opens to push 4 layers to one
    // of 2 workers in every second push, while dealing them out gives each 2: workers are for exactly those.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ args: [...this.#options.arguments] });
    // The first one finds out for all whether the registry can start, so what hinders it is said once.
    for (const place of this.#places.slice(0, 1)) this.#fill(place);
    await this.#outcome.promise;
  }

  /** Tells the workers to stop gracefully; none is replaced any more. */
  stop(): void {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    for (const { worker, timer } of this.#places) {
      clearTimeout(timer);
      worker?.process.kill('SIGTERM');
    }
    this.#patience = setTimeout(() => {
      this.#options.log.error({}, 'workers that did not stop in time are killed');
      this.kill();
    }, this.#options.patience);
    this.#settle();
  }

  /**
   * Has the workers go on with the configuration as it is now, one after the other. When the first one cannot, nothing
   * changes; when a later one cannot, it is the only one. Those that are just being started read it by themselves.
   */
  async reload(): Promise<void> {
    const { log } = this.#options;
    const behind: number[] = [];
    for (const [index, { number, worker, servesSince }] of this.#places.entries()) {
      if (worker === undefined || servesSince === undefined) continue;
      const failure = await reloadWorker(worker);
      if (failure === undefined) continue;
      log.error({ worker: number, reason: failure }, 'a worker could not reload the configuration');
      behind.push(number);
      if (index === 0) break;
    }
    if (behind.length === 0) log.info({ workers: this.#places.length }, 'all workers have reloaded');
    else if (behind[0] === this.#places[0]?.number)
      log.error({}, 'the configuration was not reloaded: all workers go on with the one before');
    else log.error({ workers: behind }, 'workers go on with the configuration before: reload again');
  }

  /** Ends the workers at once. */
  kill(): void {
    for (const { worker } of this.#places) worker?.process.kill('SIGKILL');
  }

  #fill(place: Place): void {
    if (this.#state === 'stopping') return;
    place.servesSince = undefined;
    place.timer = undefined;
    try {
      const worker = cluster.fork({ [numberVariable]: String(place.number) });
      place.worker = worker;
      closeLostConnections(worker);
      this.#relay.add(worker);
      worker.on('listening', (address: Address) => {
        // A plugin may listen on a port of its own before.
        if (address.port === this.#options.port) this.#onListening(place, address);
      });
      worker.once('exit', () => this.#onEnd(place, causeOf(worker)));
      // What fails later, such as a message to a worker that is gone, is followed by its exit.
      worker.on('error', (error) => {
        if (worker.process.pid === undefined) this.#onEnd(place, messageOf(error));
      });
    } catch (error) {
      this.#onEnd(place, messageOf(error));
    }
  }

  #onListening(place: Place, { address, addressType, port }: Address): void {
    place.servesSince = performance.now();
    if (this.#state !== 'starting') return;
    const waiting = this.#places.filter(({ servesSince }) => servesSince === undefined);
    for (const other of waiting) if (other.worker === undefined) this.#fill(other);
    if (waiting.length > 0) return;
    this.#state = 'running';
    const url = `${this.#options.scheme}://${addressType === 6 ? `[${address}]` : address}:${port}`;
    this.#options.log.info({ url, workers: this.#places.length }, 'all workers serve');
  }

  #onEnd(place: Place, cause: string): void {
    const { number, worker, servesSince, backOff } = place;
    const line = { worker: number, pid: worker?.process.pid, cause };
    place.worker = undefined;
    switch (this.#state) {
      case 'stopping':
        if (!STOPPED.includes(cause)) this.#options.log.error(line, 'a worker died while it stopped');
        this.#settle();
        break;
      case 'starting':
        this.#fail(`worker ${number} could not start: ${cause}`);
        break;
      case 'running': {
        const delay = backOff.next(servesSince === undefined ? 0 : performance.now() - servesSince);
        if (delay === undefined) {
          this.#fail(
            `worker ${number} ends again and again, at last with ${cause}: see what it logged before`,
          );
          break;
        }
        this.#options.log.error({ ...line, delay }, 'a worker died, and another takes its place');
        place.timer = setTimeout(() => this.#fill(place), delay);
      }
    }
  }

  #fail(message: string): void {
    this.#failure = new Error(message);
    this.stop();
  }

  #settle(): void {
    if (this.#places.some(({ worker }) => worker !== undefined)) return;
    clearTimeout(this.#patience);
    if (this.#failure === undefined) this.#outcome.resolve();
    else this.#outcome.reject(this.#failure);
  }
}

/** Why a worker goes on with the configuration before; undefined when it does not. */
async function reloadWorker(worker: Worker): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const take = (received: unknown): void => {
    const message = messageIn(received);
    if (message?.entrepot === 'reloaded') resolve(message.failure);
  };
  const end = (): void => resolve('it ended meanwhile');
  worker.on('message', take).once('exit', end);
  tell(worker, { entrepot: 'reload' });
  try {
    return await promise;
  } finally {
    worker.off('message', take).off('exit', end);
  }
}

function causeOf({ process: { signalCode, exitCode } }: Worker): string {
  return signalCode ?? `exit code ${exitCode}`;
}

/**
 * A port that was free a moment ago: workers ask for one by its number, so that all that ever come get the same.
 * @throws Error that says what to do when the address cannot be had.
 */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  try {
    await once(server.listen({ host, port: 0 }), 'listening');
  } catch (error) {
    throw listenError(error, { host, port: 0 });
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has no port');
  return address.port;
}
