import { createServer, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RegistryError, type CertificateSource } from '@entrepot/plugin-sdk';
import type { Settings } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import type { Tls } from '../tls/tls.ts';
import { answerError, type RequestListener } from './answer.ts';
import type { InFlight } from './in-flight.ts';
import { listen } from './listen.ts';
import { RedirectServer } from './redirect-server.ts';
import { hostRefusal, refusalOf, Unanswerable } from './unanswerable.ts';

/** Longer than proxies keep idle connections (60 s mostly): who closes second never meets a request on its way. */
const KEEP_ALIVE_MILLISECONDS = 75_000;
const HEADERS_MILLISECONDS = 60_000;

export interface ServerParts {
  readonly listener: RequestListener;
  readonly settings: Settings['http'];
  readonly inFlight: InFlight;
  /** Undefined: plain HTTP. */
  readonly tls: Tls | undefined;
  readonly log: Logger;
}

/** The HTTP server of a registry: Node's, with limits that suit uploads of hours and clients that go away. */
export class HttpServer {
  readonly #server: Server;
  readonly #settings: Settings['http'];
  readonly #inFlight: InFlight;
  readonly #log: Logger;
  readonly #unanswerable = new Unanswerable();
  readonly #tls: Tls | undefined;
  readonly #redirects: RedirectServer;
  #closed: Promise<void> | undefined;

  constructor({ listener, settings, inFlight, tls, log }: ServerParts) {
    this.#settings = settings;
    this.#inFlight = inFlight;
    this.#log = log;
    this.#tls = tls;
    this.#redirects = new RedirectServer(settings, async (path) => tls?.answer(path), log);
    const options: ServerOptions = {
      maxHeaderSize: settings.maxHeaderBytes,
      keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
      headersTimeout: HEADERS_MILLISECONDS,
      // An upload may last hours. What must not last is a connection without progress: #onIdle.
      requestTimeout: 0,
      insecureHTTPParser: false,
      // Node's own refusal has no body.
      requireHostHeader: false,
    };
    this.#server = tls === undefined ? createServer(options) : tls.createServer(options);
    this.#server.timeout = settings.idleTimeout * 1000;
    // Node would leave out what comes behind the first 2000, and maxHeaderSize is a bound already.
    this.#server.maxHeadersCount = 0;
    const refuse = (response: ServerResponse, refusal: RegistryError): void => {
      inFlight.add(response);
      answerError(response, refusal, log);
    };
    const take: RequestListener = (request, response) => {
      const refusal = hostRefusal(request);
      if (refusal === undefined) listener(request, response);
      else refuse(response, refusal);
    };
    this.#server
      .on('request', take)
      // Who asks first (`Expect: 100-continue`) is answered by the endpoint, which may refuse before the body comes.
      .on('checkContinue', take)
      .on('checkExpectation', (_request, response: ServerResponse) => {
        const message = 'only 100-continue can be expected';
        refuse(response, new RegistryError('UNSUPPORTED', message, { status: 417 }));
      })
      .on('connect', (_request, socket: Duplex) => {
        this.#unanswerable.refuse(socket, new RegistryError('UNSUPPORTED', 'this is no proxy'));
      })
      .on('clientError', (error: NodeJS.ErrnoException, socket) => {
        this.#onClientError(error, socket);
      })
      .on('timeout', (socket: Socket) => {
        this.#onIdle(socket);
      });
  }

  /**
   * Begins to listen, also on the port that redirects to https if there is one.
   * @throws Error that says what to do when an address cannot be had, or the certificate is no good.
   */
  async listen(): Promise<AddressInfo> {
    const { host, port, redirectPort } = this.#settings;
    await this.#tls?.open();
    const onError = (error: Error): void => this.#log.error({ err: error }, 'the server has a problem');
    const address = await listen(this.#server, { host, port, setting: '--port or http.port', onError });
    if (redirectPort !== undefined) {
      const plain = await this.#redirects.listen(redirectPort, address.port);
      this.#log.info({ port: plain.port }, 'plain HTTP is redirected to https');
    }
    return address;
  }

  /** From now on shows the certificates of this source; there has to be TLS. */
  follow(certificates: CertificateSource): void {
    this.#tls?.follow(certificates);
  }

  /** Takes no new connections, and closes those that wait for a next request. */
  stopAccepting(): void {
    this.#redirects.close();
    if (!this.#server.listening) return;
    this.#closed = new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  /** Closes the connections that are left, after {@link stopAccepting}. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#tls?.close();
    await this.#closed;
  }

  /**
   * What is no HTTP gets the spec's error body too, after the answers to what came before it; but not when the very
   * request that turns out to be broken has been answered.
   */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#unanswerable.has(socket)) return;
    const answers = this.#inFlight.on(socket);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    this.#log.debug({ err: error }, 'a request was not understood');
    if (answers.some(({ req, headersSent }) => !req.complete && headersSent)) {
      this.#unanswerable.end(socket);
      return;
    }
    const before = answers.findLast(({ req }) => req.complete);
    this.#unanswerable.refuse(socket, refusalOf(error.code), before);
  }

  /** Nothing has moved on a connection for a while. Whoever is waited for pays: a client is cut, our own storage is not. */
  #onIdle(socket: Socket): void {
    const [response] = this.#inFlight.on(socket);
    if (response === undefined || waitsForClient(response)) {
      if (response !== undefined)
        this.#log.info({ url: response.req.url }, 'a connection without progress was closed');
      socket.destroy();
    } else {
      socket.setTimeout(this.#server.timeout);
    }
  }
}

/** The client owes bytes of the request that nothing here holds back, or does not take those of the answer. */
function waitsForClient({ req, socket, writableLength }: ServerResponse): boolean {
  return (
    (!req.complete && req.readableLength === 0) || writableLength > 0 || (socket?.writableLength ?? 0) > 0
  );
}
