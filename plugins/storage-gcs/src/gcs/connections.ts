import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';

/** Milliseconds. Servers close connections that are idle; ours should be gone before, so that no request meets that. */
const IDLE = 10_000;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable;
  /** Ends the request, and the body of its answer. */
  readonly signal: AbortSignal;
}

/** A bounded pool of connections to the backend. What finds none free waits in it. Proxies are those of the environment. */
export class Connections {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(most: number) {
    const options = {
      keepAlive: true,
      maxSockets: most,
      maxFreeSockets: most,
      timeout: IDLE,
      proxyEnv: process.env,
    };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * Sends a request and gives the answer, its body unread. One that is answered before its body was sent is not sent to
   * its end: it has been refused, and its bytes are the caller's again.
   */
  send({ method, url, headers, body, signal }: HttpRequest): Promise<IncomingMessage> {
    const secure = url.startsWith('https:');
    const options = { method, headers, signal, agent: secure ? this.#https : this.#http };
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(url, options);
      request.on('error', reject);
      request.on('close', () => body?.destroy());
      request.on('response', (response) => {
        // Whoever reads it hears of the error; one that nobody reads has nobody to tell.
        response.on('error', () => undefined);
        if (!request.writableEnded) {
          body?.unpipe(request).destroy();
          response.on('close', () => request.destroy());
        }
        resolve(response);
      });
      body?.on('error', (error) => request.destroy(error));
      if (body === undefined) request.end();
      else body.pipe(request);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
