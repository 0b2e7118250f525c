import { Agent, request, type IncomingMessage } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** No answer came: what was asked for may or may not have happened. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Breaks the connection after so many bytes of the body. */
  readonly breakAfter?: number;
}

/** Longer than anything takes that is not stuck. */
const TIMEOUT = 60_000;

/** A client of several replicas: each request goes to the next. A broken connection is never tried again by itself. */
export class HttpClient {
  readonly #ports: readonly number[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  #next = 0;
  requests = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** @throws Unanswered */
  ask({ method, path, headers = {}, body, breakAfter }: Asked): Promise<Answer> {
    const port = this.#ports[this.#next++ % this.#ports.length];
    this.requests += 1;
    return new Promise((resolve, reject) => {
      const lost = (cause: unknown): void => reject(new Unanswered(`${method} ${path}`, { cause }));
      const length = { 'content-length': String(body?.length ?? 0) };
      const options = { host: '127.0.0.1', port, method, path, agent: this.#agent, timeout: TIMEOUT };
      const asked = request({ ...options, headers: { ...headers, ...length } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', lost);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          });
        });
      });
      asked.on('error', lost);
      asked.on('timeout', () => asked.destroy(new Error('timed out')));
      if (breakAfter === undefined) asked.end(body);
      else asked.write(body?.subarray(0, breakAfter), () => asked.destroy(new Error('broken off')));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
