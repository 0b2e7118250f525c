import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { startAzurite, type Azurite } from '../../../test/servers/azurite.ts';

/** An Azurite behind a gate. */
export interface Gate extends Azurite {
  /** Sends all that was written so far again, the last first, as something on the way might do, and forgets it. */
  replay(): Promise<void>;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** `isBusy` decides, by how many requests came before it, whether one is answered with "Server Busy" or passed on. */
export async function startGate(isBusy: (number: number) => boolean): Promise<Gate> {
  const azurite = await startAzurite();
  const { protocol, host, pathname } = new URL(azurite.endpoint);
  const server = `${protocol}//${host}`;
  const written: Request[] = [];
  let number = 0;
  const pass = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await requestOf(incoming);
    number += 1;
    if (isBusy(number - 1)) return void response.writeHead(503, { 'x-ms-error-code': 'ServerBusy' }).end();
    const [answer, body] = await send(server, request);
    if (request.method === 'PUT') written.push(request);
    response.writeHead(answer.statusCode ?? 500, answer.headers).end(body);
  };
  const gate = createServer((incoming, response) => void pass(incoming, response));
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  if (address === null || typeof address === 'string') throw new Error('the gate does not listen');
  return {
    ...azurite,
    endpoint: `http://127.0.0.1:${address.port}${pathname}`,
    async replay() {
      for (const request of written.splice(0).toReversed()) await send(server, request);
    },
    async stop() {
      gate.closeAllConnections();
      gate.close();
      await once(gate, 'close');
      await azurite.stop();
    },
  };
}

async function requestOf(incoming: IncomingMessage): Promise<Request> {
  const chunks: Uint8Array[] = [];
  incoming.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  await once(incoming, 'end');
  const { method = '', url = '', headers } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks) };
}

function send(server: string, { method, url, headers, body }: Request): Promise<[IncomingMessage, Buffer]> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(server + url, { method, headers });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      const chunks: Uint8Array[] = [];
      answer.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      answer.on('end', () => resolve([answer, Buffer.concat(chunks)]));
      answer.on('error', reject);
    });
    outgoing.end(body);
  });
}
