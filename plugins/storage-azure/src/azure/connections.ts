import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/** Milliseconds. Servers close connections that are idle; ours should be gone before, so that no request meets that. */
const IDLE = 10_000;

/** A bounded pool of connections to the backend. What finds none free waits in it. */
export class Connections {
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(most: number) {
    const options = { keepAlive: true, maxSockets: most, maxFreeSockets: most, timeout: IDLE };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  agentFor(url: string): HttpAgent {
    return url.startsWith('https:') ? this.#https : this.#http;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
