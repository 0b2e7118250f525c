import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Sends the body in chunks of unknown number, as clients do that stream. */
  readonly isStreamed?: boolean;
  /** Breaks the connection after so many bytes of the body, which is longer. */
  readonly breakAfter?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** No answer came, or none that was whole. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  /** Whether the request never reached a registry. Otherwise it may have been carried out, or not. */
  readonly isUnsent: boolean;

  constructor(message: string, isUnsent: boolean, cause: unknown) {
    super(message, { cause });
    this.isUnsent = isUnsent;
  }
}

/** Longer than anything takes that is not stuck; milliseconds. */
const TIMEOUT = 60_000;

/** The connections of one client, to every replica. A request that finds its connection broken is not tried again. */
export class Connections {
  readonly #agent = new Agent({ keepAlive: true });

  /** @throws Unanswered */
  ask(
    port: number,
    { method, path, headers = {}, body, isStreamed = false, breakAfter }: Asked,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        const isUnsent = 'code' in cause && cause.code === 'ECONNREFUSED';
        reject(new Unanswered(cause.message, isUnsent, cause));
      };
      const length = body === undefined || isStreamed ? {} : { 'content-length': String(body.length) };
      const options = { host: '127.0.0.1', port, method, path, agent: this.#agent, timeout: TIMEOUT };
      const asked = request({ ...options, headers: { ...headers, ...length } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        // An answer that ends before its Content-Length is an error here, too.
        response.on('error', fail);
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      asked.on('error', fail);
      asked.on('timeout', () => asked.destroy(new Error(`nothing moved for ${TIMEOUT / 1000} s`)));
      if (body === undefined) asked.end();
      else if (breakAfter !== undefined) {
        asked.write(body.subarray(0, breakAfter), () => asked.destroy(new Error('broken off on purpose')));
      } else if (isStreamed) {
        const middle = body.length >> 1;
        asked.write(body.subarray(0, middle));
        asked.end(body.subarray(middle));
      } else asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
