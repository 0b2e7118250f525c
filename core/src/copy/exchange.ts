import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';

/** A request, whole but for who asks. */
export interface Outgoing {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes, or a stream of `length` bytes. */
  readonly body?: Uint8Array | { readonly stream: Readable; readonly length: number };
}

/** An answer whose body has not been read. Whoever has it reads it to its end, or destroys it. */
export type Answer = IncomingMessage;

/** Milliseconds without a byte in either direction after which a request is given up. */
const PATIENCE = 60_000;
/** Bytes of an answer that is read whole. */
const MOST = 16 * 1024 * 1024;

const options = { keepAlive: true, maxSockets: 64, timeout: PATIENCE };
const agents = { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) };

/** Sends a request once. Redirects are answers like others. @throws Error when nothing comes back. */
export async function send({ method, url, headers = {}, body }: Outgoing): Promise<Answer> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`${url.href} is no URL to ask`);
  const length = body === undefined ? 0 : 'stream' in body ? body.length : body.length;
  const begin = url.protocol === 'http:' ? httpRequest : httpsRequest;
  const outgoing = begin(url, {
    method,
    agent: agents[url.protocol],
    timeout: PATIENCE,
    headers: {
      'user-agent': 'entrepot',
      ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-length': length }),
      ...headers,
    },
  });
  const answered = new Promise<Answer>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', (error) => reject(firstOf(error)));
    outgoing.once('timeout', () => {
      const message = `${url.host} was silent for ${PATIENCE / 1000} s`;
      outgoing.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    });
  });
  if (body !== undefined && 'stream' in body) {
    // An answer may come before all is sent: it says more than the pipe that breaks then.
    const sent = pipeline(body.stream, outgoing);
    return Promise.race([answered, sent.then(() => answered)]);
  }
  outgoing.end(body);
  return answered;
}

/** Why the first of several addresses could not be reached, when none could. */
function firstOf(error: Error): Error {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error ? first : error;
}

/** The body of an answer. @throws Error when it is larger than any manifest or list. */
export async function bodyOf(answer: Answer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST) throw new Error(`an answer has more than ${MOST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Lets go of an answer whose body is of no interest. */
export function drop(answer: Answer): void {
  answer.on('error', () => undefined).resume();
}

/** Connections are kept for a while after they were used: at the end nobody waits for that. */
export function closeConnections(): void {
  agents['http:'].destroy();
  agents['https:'].destroy();
}
