import { once } from 'node:events';
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

/** An answer with all of its body. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Question {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with `Content-Length`. */
  readonly body?: Uint8Array | string;
  /** Sent in the chunked transfer coding, without `Content-Length`. */
  readonly chunks?: readonly Uint8Array[];
}

/** Asks over connections that are kept alive. Paths are sent as they are. */
export class HttpClient {
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.url = url;
  }

  get(path: string, headers: Question['headers'] = {}): Promise<Answer> {
    return this.ask('GET', path, { headers });
  }

  head(path: string, headers: Question['headers'] = {}): Promise<Answer> {
    return this.ask('HEAD', path, { headers });
  }

  post(path: string, question: Question = {}): Promise<Answer> {
    return this.ask('POST', path, question);
  }

  patch(path: string, question: Question = {}): Promise<Answer> {
    return this.ask('PATCH', path, question);
  }

  put(path: string, question: Question = {}): Promise<Answer> {
    return this.ask('PUT', path, question);
  }

  delete(path: string, headers: Question['headers'] = {}): Promise<Answer> {
    return this.ask('DELETE', path, { headers });
  }

  async ask(method: string, path: string, { headers = {}, body, chunks }: Question = {}): Promise<Answer> {
    const { hostname, port } = new URL(this.url);
    const asking = request({ agent: this.#agent, host: hostname, port, method, path, headers });
    const answered = answerTo(once(asking, 'response'));
    for (const chunk of chunks ?? []) asking.write(chunk);
    asking.end(body);
    return answered;
  }

  /** Ends the connections that are idle. */
  close(): void {
    this.#agent.destroy();
  }
}

async function answerTo(response: Promise<unknown[]>): Promise<Answer> {
  const [message] = await response;
  if (!isMessage(message)) throw new Error('there was no response');
  const chunks: Buffer[] = [];
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const { statusCode: status = 0, headers } = message;
  return { status, headers, body: Buffer.concat(chunks) };
}

function isMessage(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value;
}
