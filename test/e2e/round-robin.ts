import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * A balancer that sends each request to the next backend, whoever asks. It knows nothing of registries. A backend to
 * which a connection fails gets no more requests; what had not been sent to it goes to the next.
 */
export class RoundRobin {
  readonly #server: Server;
  #backends: string[];
  #turn = 0;
  /** Requests that backends have been sent. */
  readonly sent = new Map<string, number>();

  private constructor(backends: readonly string[]) {
    this.#backends = [...backends];
    this.#server = createServer((asked, answer) => this.#forward(asked, answer));
  }

  static async listen(backends: readonly string[]): Promise<RoundRobin> {
    const balancer = new RoundRobin(backends);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the balancer does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  add(backend: string): void {
    this.#backends.push(backend);
  }

  remove(backend: string): void {
    this.#backends = this.#backends.filter((other) => other !== backend);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    const backend = this.#backends[this.#turn++ % this.#backends.length];
    if (backend === undefined) {
      answer.writeHead(502).end();
      return;
    }
    const { hostname, port } = new URL(backend);
    const { method, url: path, headers } = asked;
    let isConnected = false;
    const forwarded = request({ agent: false, host: hostname, port, method, path, headers });
    forwarded
      .once('socket', (socket) => {
        socket.once('connect', () => {
          isConnected = true;
          this.sent.set(backend, (this.sent.get(backend) ?? 0) + 1);
          asked.pipe(forwarded);
        });
      })
      .once('response', (given: IncomingMessage) => {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        given.pipe(answer);
        given.once('error', () => answer.destroy());
      })
      .once('error', () => {
        this.remove(backend);
        if (!isConnected) this.#forward(asked, answer);
        else if (answer.headersSent) answer.destroy();
        else answer.writeHead(502, { connection: 'close' }).end();
      });
  }
}
