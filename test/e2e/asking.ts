import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Answer, Question } from '../oci/http-client.ts';

/** Begins a request on a connection of its own, which ends with it: whoever balances may send each elsewhere. */
export function begin(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>> = {},
): ClientRequest {
  const { hostname, port } = new URL(url);
  return request({ agent: false, host: hostname, port, method, path, headers });
}

/** Asks on a connection of its own. */
export async function ask(
  url: string,
  method: string,
  path: string,
  { headers = {}, body = '' }: Pick<Question, 'headers' | 'body'> = {},
): Promise<Answer> {
  const asking = begin(url, method, path, { ...headers, 'content-length': Buffer.byteLength(body) });
  const answered = answerTo(asking);
  asking.end(body);
  return answered;
}

/** @throws Error when the connection breaks before all of the answer has come. */
export async function answerTo(asking: ClientRequest): Promise<Answer> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    asking.once('response', resolve).once('error', reject);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) };
}

/**
 * A request whose body has been asked for (`100 Continue`) and has not been sent yet: whatever the registry does before
 * it takes bytes, it has done.
 */
export async function beginBody(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>>,
): Promise<{ readonly asking: ClientRequest; readonly answer: Promise<Answer> }> {
  const asking = begin(url, method, path, { ...headers, expect: '100-continue' });
  const answer = answerTo(asking);
  asking.flushHeaders();
  await once(asking, 'continue');
  return { asking, answer };
}

/** The code of the error that keeps a request from being answered; `undefined` when it is answered. */
export async function refusalOf(url: string): Promise<unknown> {
  try {
    await ask(url, 'GET', '/livez');
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
}
