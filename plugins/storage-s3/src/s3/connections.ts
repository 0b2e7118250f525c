import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** Milliseconds. Servers close connections that are idle; ours should be gone before, so that no request meets that. */
const IDLE = 10_000;
const CONNECT = 5_000;

/** A bounded pool of connections to the backend. What finds none free waits in it. */
export class Connections {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(most: number) {
    const options = { keepAlive: true, maxSockets: most, maxFreeSockets: most, timeout: IDLE };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * How the SDK is to use the pool. Its own time limits stay off but for connecting: they cannot tell a backend that
   * hangs from a client that reads slowly.
   */
  get handler(): {
    readonly httpAgent: HttpAgent;
    readonly httpsAgent: HttpsAgent;
    readonly connectionTimeout: number;
    readonly socketTimeout: number;
    readonly requestTimeout: number;
  } {
    const [httpAgent, httpsAgent] = [this.#http, this.#https];
    return { httpAgent, httpsAgent, connectionTimeout: CONNECT, socketTimeout: 0, requestTimeout: 0 };
  }

  /** Sends a DELETE to a signed URL, once: whatever becomes of it, it is not sent again. Gives the status. */
  deleteOnce(url: string, signal: AbortSignal): Promise<number> {
    const secure = url.startsWith('https:');
    const options = { method: 'DELETE', agent: secure ? this.#https : this.#http, signal };
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
        response.on('error', reject).resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('error', reject).end();
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
