import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Input } from '../src/options.ts';

/** A request as it came. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What is to be answered: a blob or an error of Azure; a connection that breaks off, before or in the middle of the body; or nothing. */
export type Scripted =
  | {
      readonly status: number;
      readonly code?: string;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  | { readonly breakOff: true; readonly headers?: Record<string, string>; readonly body?: string }
  | { readonly silence: true };

/** A server that answers with what it was told, in turn, and keeps what it was asked. */
export class ScriptedAzure {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #answer: (request: Received, number: number) => Scripted;

  private constructor(answer: (request: Received, number: number) => Scripted) {
    this.#answer = answer;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** `answer` gets each request and how many came before it. */
  static async start(answer: (request: Received, number: number) => Scripted): Promise<ScriptedAzure> {
    const azure = new ScriptedAzure(answer);
    azure.#server.listen(0, '127.0.0.1');
    await once(azure.#server, 'listening');
    return azure;
  }

  /** Options for a driver that talks to this server. */
  get input(): Input {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    const accountKey = Buffer.from('key').toString('base64');
    const endpoint = `http://127.0.0.1:${address.port}`;
    return { endpoint, account: 'account', accountKey, container: 'c', maxAttempts: 3, timeout: 20 };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    await once(request, 'end');
    const { method = '', url = '', headers } = request;
    const received = { method, path: url, headers, body };
    const answer = this.#answer(received, this.received.length);
    this.received.push(received);
    if ('silence' in answer) return;
    if ('breakOff' in answer) {
      if (answer.headers === undefined) return void request.socket.destroy();
      response.writeHead(200, answer.headers);
      response.write(answer.body, () => request.socket.destroy());
      return;
    }
    const { status, code } = answer;
    const content = answer.body ?? '';
    const named = code === undefined ? {} : { 'x-ms-error-code': code };
    response.writeHead(status, { 'content-length': String(content.length), ...named, ...answer.headers });
    response.end(method === 'HEAD' ? undefined : content);
  }
}
