import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as send,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** A request as it passed through. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** What becomes of a request. */
export type Fault =
  /** It is answered without asking the server. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Nothing answers. */
  | { readonly kind: 'silence' }
  /** The connection is reset once so many bytes of its body have come; the server never hears of it. */
  | { readonly kind: 'cutRequest'; readonly after: number }
  /** The server carries it out, and instead of the answer the connection is reset. */
  | { readonly kind: 'loseAnswer' }
  /** So many bytes of the answer's body pass, then the connection is reset, or nothing comes any more. */
  | { readonly kind: 'cutAnswer' | 'stallAnswer'; readonly after: number }
  /** It waits before it goes to the server. */
  | { readonly kind: 'hold'; readonly until: () => Promise<unknown> }
  /** The answer has other headers. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> };

export interface Injection {
  /** Which requests it is for; all, when absent. */
  readonly match?: (request: SeenRequest) => boolean;
  /** How many of those meet it; one, when absent. */
  readonly times?: number;
}

/** A proxy on the loopback address, in front of a server, that lets requests meet faults and remembers them all. */
export interface FaultProxy {
  readonly endpoint: string;
  readonly seen: SeenRequest[];
  /** The first faults are met first; several never at once. */
  inject(fault: Fault, injection?: Injection): void;
  stop(): Promise<void>;
}

/** The connection is kept by itself: a request that has been destroyed has none any more. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  const injected: {
    readonly fault: Fault;
    readonly match: (request: SeenRequest) => boolean;
    left: number;
  }[] = [];
  const agent = new Agent({ keepAlive: true });

  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const entry = { method, url, headers };
    seen.push(entry);
    const found = injected.find(({ left, match }) => left > 0 && match(entry));
    if (found !== undefined) found.left -= 1;
    // Either side may hang up; the other is told by its connection being reset.
    const exchange = { request, response, socket: request.socket };
    serve(exchange, found?.fault).catch(() => exchange.socket.resetAndDestroy());
  });

  const serve = async (exchange: Exchange, fault?: Fault): Promise<void> => {
    const { request, response, socket } = exchange;
    switch (fault?.kind) {
      case 'answer':
        request.resume();
        response.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers });
        response.end(request.method === 'HEAD' ? undefined : fault.body);
        return;
      case 'silence':
        request.resume();
        return;
      case 'cutRequest':
        await passed(request, fault.after);
        socket.resetAndDestroy();
        return;
      case 'hold':
        await fault.until();
        return forward(exchange);
      default:
        return forward(exchange, fault);
    }
  };

  const forward = async ({ request, response, socket }: Exchange, fault?: Fault): Promise<void> => {
    const { method, url, headers } = request;
    const upstream = send(new URL(url ?? '/', target), { method, headers, agent });
    const sending = pipeline(request, upstream);
    // A server may answer before it has the whole body, and hang up. One that does not answer rejects the other.
    sending.catch(() => undefined);
    const answer = await answerTo(upstream);
    if (fault?.kind === 'loseAnswer') {
      await once(answer.resume(), 'end');
      socket.resetAndDestroy();
      return;
    }
    const extra = fault?.kind === 'headers' ? fault.headers : {};
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...extra });
    if (fault?.kind !== 'cutAnswer' && fault?.kind !== 'stallAnswer') return pipeline(answer, response);
    let left = fault.after;
    for await (const chunk of answer) {
      if (!(chunk instanceof Uint8Array)) continue;
      await written(response, chunk.subarray(0, left));
      left -= chunk.length;
      if (left > 0) continue;
      answer.destroy();
      if (fault.kind === 'cutAnswer') socket.resetAndDestroy();
      return;
    }
  };

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    inject(fault, { match = () => true, times = 1 } = {}) {
      injected.push({ fault, match, left: times });
    },
    async stop() {
      server.closeAllConnections();
      agent.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The body of an error as S3 sends it ("REST error responses"). */
export function s3Error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made up</Message></Error>`;
}

function answerTo(upstream: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once('response', resolve).once('error', reject);
    upstream.once('close', () => reject(new Error('The server hung up.')));
  });
}

/** Waits until so many bytes of the body have come, or all of it. */
async function passed(request: IncomingMessage, bytes: number): Promise<void> {
  let left = bytes;
  await new Promise<void>((resolve) => {
    request.on('end', resolve).on('close', resolve);
    request.on('data', (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
  });
}

/** Writes, and waits until it has left this process. */
async function written(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.write(chunk, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
