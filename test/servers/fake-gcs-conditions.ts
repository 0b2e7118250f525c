import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { startFakeGcs, type FakeGcs } from './fake-gcs.ts';

/**
 * fake-gcs-server with a gate in front that adds what it lacks: `ifGenerationMatch` where something is deleted or
 * composed, and a 404 where a source of a composition is missing, for which it says 500. All else it does itself. Requests
 * that change something pass the gate one after the other, so that nothing comes between a look and what follows.
 */
export async function startFakeGcsWithConditions(): Promise<FakeGcs> {
  const fake = await startFakeGcs();
  let last: Promise<void> = Promise.resolve();
  const gate = createServer((incoming, response) => {
    const pass = (): Promise<void> => through(fake.endpoint, incoming, response);
    if (incoming.method === 'GET') return void pass();
    last = last.then(pass, pass);
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  if (address === null || typeof address === 'string') throw new Error('the gate does not listen');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    createBucket: (name) => fake.createBucket(name),
    async stop() {
      gate.closeAllConnections();
      gate.close();
      await once(gate, 'close');
      await fake.stop();
    },
  };
}

/** Lets a request through, unless a condition of it does not hold. */
async function through(endpoint: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '', endpoint);
  const composes = url.pathname.endsWith('/compose');
  if (!composes && incoming.method !== 'DELETE') return forward(endpoint, incoming, response, incoming);
  const body = await bytesOf(incoming);
  const object = url.pathname.replace(/\/compose$/, '');
  const expected = url.searchParams.get('ifGenerationMatch');
  if (expected !== null && (await generationOf(endpoint + object)) !== expected) {
    return refuse(response, 412, 'conditionNotMet', 'The generation is another one.');
  }
  for (const source of composes ? sourcesIn(body) : []) {
    const name = `${object.slice(0, object.lastIndexOf('/'))}/${encodeURIComponent(source)}`;
    if ((await generationOf(endpoint + name)) === '0') {
      return refuse(response, 404, 'notFound', `No such object: ${source}`);
    }
  }
  return forward(endpoint, incoming, response, body);
}

async function forward(
  endpoint: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  body: IncomingMessage | Buffer,
): Promise<void> {
  const { method, url = '', headers } = incoming;
  const outgoing = httpRequest(endpoint + url, { ...(method === undefined ? {} : { method }), headers });
  if (Buffer.isBuffer(body)) outgoing.end(body);
  else body.pipe(outgoing);
  outgoing.on('error', () => response.destroy());
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  response.on('close', () => outgoing.destroy());
  await once(response, 'close');
}

/** The generation of an object as text; 0 when there is none. */
async function generationOf(url: string): Promise<string> {
  const response = await fetch(url);
  const resource: unknown = await response.json().catch(() => undefined);
  if (!response.ok) return '0';
  return typeof resource === 'object' && resource !== null
    ? String(Reflect.get(resource, 'generation'))
    : '0';
}

function sourcesIn(body: Buffer): string[] {
  const request: unknown = JSON.parse(body.toString());
  const sources: unknown =
    typeof request === 'object' && request !== null ? Reflect.get(request, 'sourceObjects') : [];
  return Array.isArray(sources) ? sources.map((source: { name: unknown }) => String(source.name)) : [];
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code, message, errors: [{ reason, message }] } }));
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  await once(request, 'end');
  return Buffer.concat(chunks);
}
