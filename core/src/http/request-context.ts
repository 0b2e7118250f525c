import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { ClientCertificate, Identity, LargeObject } from '@entrepot/plugin-sdk';
import { directClients, type Clients } from './clients.ts';
import type { Query } from './query.ts';
import type { Endpoint, Route } from './match-route.ts';
import { endAnswer, isTooMuchToDiscard } from './unread-body.ts';

/** The client went away, or something cut the connection: there is nobody to answer. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Express and Connect keep the whole URL here when they mount a handler under a path. */
declare module 'node:http' {
  interface IncomingMessage {
    originalUrl?: string;
  }
}

const BASE_PATH = /^(?:\/[A-Za-z0-9._~-]{1,100}){1,10}\/?$/;

/** One request and its answer: all that a handler may touch. */
export class RequestContext {
  readonly request: IncomingMessage;
  readonly method: string;
  /** What a trusted proxy says in `X-Request-Id`, so that it can be followed; else our own. */
  readonly requestId: string;
  /** Of the client, also behind trusted proxies. */
  readonly address: string;
  readonly #response: ServerResponse;
  readonly #clients: Clients;
  route: Route | undefined;
  identity: Identity | undefined;
  /** Whether the catalog shows a repository; undefined when it shows all. */
  shows: ((repository: string) => Promise<boolean>) | undefined;
  /** Digest the request turned out to be about, for the log. */
  digest: string | undefined;
  /** Bytes of the answer's body that were sent. */
  sentBytes = 0;
  /** Bytes of the request's body that were taken. */
  receivedBytes = 0;
  #awaitsContinue: boolean;

  constructor(request: IncomingMessage, response: ServerResponse, clients: Clients = directClients) {
    this.request = request;
    this.#response = response;
    this.#clients = clients;
    this.method = request.method ?? '';
    this.requestId = clients.requestIdOf(request) ?? randomUUID();
    this.address = clients.addressOf(request);
    this.#awaitsContinue = request.headers.expect?.toLowerCase() === '100-continue';
  }

  /** What the client has shown of itself over TLS. */
  get certificate(): ClientCertificate | undefined {
    return this.#clients.certificateOf(this.request);
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  }

  /**
   * What stands before `/v2/` in the URL the client uses: the path another server has mounted this one under, or what
   * a proxy says it has taken off. Usually empty.
   */
  get basePath(): string {
    const forwarded = this.request.headers['x-forwarded-prefix'];
    if (typeof forwarded === 'string' && BASE_PATH.test(forwarded)) return forwarded.replace(/\/$/, '');
    const { url = '', originalUrl } = this.request;
    return originalUrl?.endsWith(url) === true ? originalUrl.slice(0, originalUrl.length - url.length) : '';
  }

  get status(): number {
    return this.#response.statusCode;
  }

  get isAnswered(): boolean {
    return this.#response.headersSent;
  }

  /**
   * Bytes of the request's body, if that is told before it comes. Without a word of length or transfer coding there is
   * none (RFC 9112, 6.3). Node has refused whatever is no number.
   */
  get contentLength(): number | undefined {
    const { 'content-length': length, 'transfer-encoding': coding } = this.request.headers;
    if (length !== undefined) return Number(length);
    return coding === undefined ? 0 : undefined;
  }

  /**
   * The request's body. A client that waits for leave to send it gets that when the first chunk is asked for: until
   * then it can be refused without having sent a thing.
   */
  get body(): AsyncIterable<Uint8Array> {
    return this.#chunks();
  }

  /** Calls `listener` when the answer has gone out, or can no longer. */
  onceAnswered(listener: () => void): void {
    if (this.#response.closed) listener();
    else this.#response.once('close', listener);
  }

  /** Answers with a body that is at hand. */
  send(status: number, headers: OutgoingHttpHeaders, body?: Uint8Array | string): void {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
    // RFC 9110, 8.6: a 204 has no Content-Length.
    this.#writeHead(status, status === 204 ? headers : { 'content-length': length, ...headers });
    if (this.method !== 'HEAD' && body !== undefined) this.sentBytes = length;
    endAnswer(this.#response, body, this.#awaitsContinue);
  }

  /** Answers with no body but says how long one would be: HEAD and 304. */
  sendHead(status: number, headers: OutgoingHttpHeaders): void {
    this.#writeHead(status, headers);
    this.#response.end();
  }

  /**
   * Answers with the bytes of `object`, which it closes. A chunk is read only once the one before it has been taken by
   * the system, so a slow client holds no more than two.
   * @throws ConnectionLost when the client goes away; StorageError when storage gives fewer bytes than it promised:
   *   the answer is then cut off, so that no client takes it for whole.
   */
  async stream(status: number, headers: OutgoingHttpHeaders, object: LargeObject): Promise<void> {
    try {
      this.#writeHead(status, headers);
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read()) {
        await this.#write(chunk);
        this.sentBytes += chunk.length;
      }
      this.#response.end();
    } catch (error) {
      this.cut();
      throw error;
    } finally {
      await object.close();
    }
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#response.destroy();
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    this.#letContinue();
    try {
      // The connection outlives a body that is not read to its end: an error still has to be sent over it.
      for await (const chunk of this.request.iterator({ destroyOnReturn: false })) {
        if (!(chunk instanceof Uint8Array)) continue;
        this.receivedBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw new ConnectionLost('the client went away', { cause: error });
    }
  }

  #letContinue(): void {
    if (!this.#awaitsContinue) return;
    this.#awaitsContinue = false;
    this.#response.writeContinue();
  }

  #writeHead(status: number, headers: OutgoingHttpHeaders): void {
    // Who has not been told to go on will not send its body: the connection cannot be used again (RFC 9110, 10.1.1).
    const connection = this.#awaitsContinue ? { connection: 'close' } : undefined;
    if (isTooMuchToDiscard(this.request)) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, {
      ...headers,
      ...connection,
      'docker-distribution-api-version': 'registry/2.0',
      'x-request-id': this.requestId,
    });
  }

  #write(chunk: Uint8Array): Promise<void> {
    const response = this.#response;
    return new Promise((resolve, reject) => {
      const lost = (): void => {
        reject(new ConnectionLost('the client went away'));
      };
      if (response.destroyed) {
        lost();
        return;
      }
      response.once('close', lost);
      response.write(chunk, (error) => {
        response.off('close', lost);
        if (error) lost();
        else resolve();
      });
    });
  }
}

/** What a handler needs besides the context. */
export interface Call<Name extends Endpoint> {
  readonly context: RequestContext;
  readonly route: Route<Name>;
  readonly query: Query;
}
