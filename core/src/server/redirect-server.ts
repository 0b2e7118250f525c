import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RegistryError } from '@entrepot/plugin-sdk';
import type { Settings } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import { answerError } from './answer.ts';
import { listen } from './listen.ts';
import { hostRefusal } from './unanswerable.ts';

/** Milliseconds for a request, and for the pause before it: nobody has more to say here than a line and some headers. */
const PATIENCE = 10_000;
/** A name or an address, with a port or without. */
const HOST = /^([A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** Plain HTTP for who has come by the wrong door: each request is sent to https, but for those of a CA. */
export class RedirectServer {
  readonly #server: Server;
  readonly #settings: Settings['http'];
  readonly #answerTo: (path: string) => Promise<string | undefined>;
  readonly #log: Logger;
  #securePort = 443;

  /** `answerTo` gives what there is to say to a path instead of a redirect, such as a proof for a CA. */
  constructor(
    settings: Settings['http'],
    answerTo: (path: string) => Promise<string | undefined>,
    log: Logger,
  ) {
    this.#settings = settings;
    this.#answerTo = answerTo;
    this.#log = log;
    this.#server = createServer({
      maxHeaderSize: settings.maxHeaderBytes,
      headersTimeout: PATIENCE,
      requestTimeout: PATIENCE,
      requireHostHeader: false,
    });
    this.#server.timeout = PATIENCE;
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response);
    this.#server.on('request', answer).on('checkContinue', answer).on('checkExpectation', answer);
  }

  /** Begins to listen; `securePort` is the one that speaks https. @throws Error that says what to do. */
  async listen(port: number, securePort: number): Promise<AddressInfo> {
    this.#securePort = securePort;
    return listen(this.#server, {
      host: this.#settings.host,
      port,
      setting: 'http.redirectPort',
      onError: (error) => this.#log.error({ err: error }, 'the server that redirects to https has a problem'),
    });
  }

  /** Takes no new connections, and cuts those there are: what is not answered yet can be asked again. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Whatever body there is stays where it is.
    response.shouldKeepAlive = false;
    const text = await this.#answerTo(request.url ?? '');
    if (text === undefined) this.#redirect(request, response);
    else response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
  }

  #redirect(request: IncomingMessage, response: ServerResponse): void {
    const refusal = hostRefusal(request);
    const origin = this.#settings.redirectTo ?? this.#originOf(request.headers.host);
    const path = (request.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '');
    if (refusal !== undefined) answerError(response, refusal, this.#log);
    else if (origin === undefined || !path.startsWith('/')) {
      const message = 'this is no URL that could be sent to https';
      answerError(response, new RegistryError('UNSUPPORTED', message, { status: 400 }), this.#log);
    } else response.writeHead(308, { location: origin + path, 'content-length': 0 }).end();
  }

  /** Undefined when the host that was asked for is none. */
  #originOf(host: string | undefined): string | undefined {
    const name = HOST.exec(host ?? '')?.[1];
    if (name === undefined) return undefined;
    return `https://${name}${this.#securePort === 443 ? '' : `:${this.#securePort}`}`;
  }
}
