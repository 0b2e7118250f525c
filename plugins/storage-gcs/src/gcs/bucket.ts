import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Logger } from '@entrepot/plugin-sdk';
import { Requests, RetryBudget } from '@entrepot/plugin-sdk/buckets';
import { ObjectNames } from '../object-names.ts';
import type { Options } from '../options.ts';
import { jsonOf, refusalOf, textOf } from './answers.ts';
import { Connections, type HttpRequest } from './connections.ts';
import { Credentials } from './credentials.ts';
import { backend, noSuchObject, Refusal, type Outcome } from './outcomes.ts';

/** A health check has to answer within 5 s, and one unlucky answer does not make a backend sick. */
const HEALTH_CHECK = { attempts: 2, patience: 2_000 };

/** One attempt at a request to the JSON API. */
export interface Call {
  readonly method: HttpRequest['method'];
  /** What is asked of the bucket: `o`, `o/<name>`. Names are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable;
  readonly signal: AbortSignal;
  /** Bytes of an object travel in their own ways. */
  readonly way?: 'upload' | 'download';
}

/**
 * The connection to one bucket. The client library of Google finds credentials; requests are sent from here, with time
 * limits and retries of {@link Requests}, because it is there that a lost answer has to be remembered.
 */
export class Bucket {
  readonly name: string;
  readonly names: ObjectNames;
  readonly requests: Requests<Outcome>;
  /** Milliseconds an attempt may go without progress. */
  readonly patience: number;
  readonly #credentials: Credentials;
  readonly #calls: Connections;
  /** Large objects are read over connections of their own: slow readers never keep other requests waiting. */
  readonly #reads: Connections;

  /** Does no I/O. */
  constructor(options: Options, log: Logger) {
    const { bucket, prefix, connections, timeout, maxAttempts } = options;
    this.name = bucket;
    this.names = new ObjectNames(prefix);
    this.patience = timeout * 1000;
    this.#credentials = new Credentials(options);
    this.#calls = new Connections(connections);
    this.#reads = new Connections(connections);
    this.requests = new Requests(backend, {
      attempts: maxAttempts,
      patience: this.patience,
      budget: new RetryBudget(),
      onRetry: (what, outcome, error) =>
        log.debug({ err: error, outcome }, `Google did not ${what}; trying again`),
      random: Math.random,
    });
  }

  /** Gives the answer, its body unread. @throws Refusal when it is no success. */
  async send({ method, path, query = {}, headers, body, signal, way }: Call): Promise<IncomingMessage> {
    const parameters = new URLSearchParams(query).toString();
    const url =
      `${this.#credentials.endpoint}${way === 'upload' ? '/upload' : ''}/storage/v1/b/` +
      `${encodeURIComponent(this.name)}/${path}${parameters === '' ? '' : `?${parameters}`}`;
    const allowed = await this.#credentials.headersFor(url);
    const connections = way === 'download' ? this.#reads : this.#calls;
    const request = { method, url, headers: { ...headers, ...allowed }, signal };
    const response = await connections.send(body === undefined ? request : { ...request, body });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const refusal = refusalOf(status, await textOf(response));
    if (status !== 404 || !path.startsWith('o/')) throw refusal;
    // A 404 that does not name the object may mean that the bucket has gone, which must never look like a registry that
    // is empty.
    if (!refusal.message.startsWith('No such object')) await this.#ask(signal);
    throw new Refusal(status, noSuchObject, refusal.message);
  }

  /** Gives the answer as JSON; `undefined` when it has no body. @throws Refusal when it is no success. */
  async json(call: Call): Promise<unknown> {
    const text = await textOf(await this.send(call));
    return text === '' ? undefined : jsonOf(text);
  }

  /** @throws StorageError when the bucket cannot be reached right now. */
  async reach(): Promise<void> {
    const what = `find the bucket ${this.name}`;
    await this.requests.send(what, ({ signal }) => this.#ask(signal), HEALTH_CHECK);
  }

  /** A URL that lets anybody GET the object for so many seconds; `undefined` when nobody here can sign one. */
  sign(name: string, seconds: number): Promise<string | undefined> {
    return this.#credentials.sign(this.name, name, seconds);
  }

  /** For the log: where the credentials come from. */
  credentialSource(): Promise<string> {
    return this.#credentials.source();
  }

  /** The least that only a bucket that is there answers, and for which the role of the registry suffices. */
  async #ask(signal: AbortSignal): Promise<void> {
    await this.json({ method: 'GET', path: 'o', query: { maxResults: '1', fields: 'kind' }, signal });
  }

  close(): void {
    this.#calls.close();
    this.#reads.close();
  }
}
