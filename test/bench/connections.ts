import { Agent, request } from 'node:http';

export interface Question {
  readonly method?: string;
  /** Path and query. */
  readonly path: string;
  readonly type?: string;
  readonly body?: Buffer;
  readonly status?: number;
}

export interface Answer {
  readonly location: string;
  /** Bytes of the body, which is dropped. */
  readonly length: number;
}

/** Connections that are kept, to one registry. */
export class Connections {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string, count: number) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: count });
  }

  /** @throws Error when the answer has another status: a figure of wrong answers is none. */
  ask({ method = 'GET', path, type, body, status = 200 }: Question): Promise<Answer> {
    const { hostname, port } = this.#url;
    const headers = {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(body === undefined ? {} : { 'content-length': body.length }),
    };
    return new Promise((resolve, reject) => {
      const asked = request({ agent: this.#agent, hostname, port, method, path, headers }, (response) => {
        let length = 0;
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => (length += chunk.length));
        response.on('end', () => {
          if (response.statusCode === status) resolve({ location: response.headers.location ?? '', length });
          else reject(new Error(`${method} ${path}: ${response.statusCode}, not ${status}`));
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
