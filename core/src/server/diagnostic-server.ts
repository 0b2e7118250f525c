import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Settings } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import type { RequestListener } from './answer.ts';
import { listen } from './listen.ts';

/** Scrapers are few; whoever opens more connections than this is none. */
const CONNECTIONS = 100;
const PATIENCE_MILLISECONDS = 10_000;

/** The server for operators, on an address of its own. It answers for as long as there is a registry. */
export class DiagnosticServer {
  readonly #server: Server;
  readonly #log: Logger;

  constructor(listener: RequestListener, log: Logger) {
    this.#server = createServer(
      { requestTimeout: PATIENCE_MILLISECONDS, headersTimeout: PATIENCE_MILLISECONDS },
      listener,
    );
    this.#server.maxConnections = CONNECTIONS;
    this.#log = log;
  }

  /** @throws Error that says what to do when the address cannot be had. */
  listen({ host, port }: Settings['diagnostics']): Promise<AddressInfo> {
    const onError = (error: Error): void => {
      this.#log.error({ err: error }, 'the server of the diagnostics has a problem');
    };
    return listen(this.#server, { host, port, setting: 'diagnostics.port', onError });
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
