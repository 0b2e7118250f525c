import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { SigningAccount, type AccountKey } from './gcs-signatures.ts';

interface StoredObject {
  readonly bytes: Buffer;
  readonly generation: number;
  readonly updated: string;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A request before it is carried out. */
export interface Incoming {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** How many came before it. */
  readonly number: number;
}

/**
 * Bad luck: another answer than the one that is due, none, or half of one. A connection breaks off before the request has
 * been carried out, or after that, or in the middle of an object's bytes; or it stays open and nothing comes.
 */
export type Misfortune =
  { readonly status: number } | 'lost request' | 'lost answer' | 'broken answer' | 'silence';

export interface StrictGcsOptions {
  /** Decides what happens to a request; `undefined` lets it pass. */
  readonly misfortune?: (request: Incoming) => Misfortune | undefined;
}

/** An answer of the JSON API. */
class Answer {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown) {
    this.status = status;
    this.body = body;
  }
}

/** An error of the JSON API. */
class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/**
 * Google Cloud Storage in memory, as far as a registry needs it, and as strict as the real one: `ifGenerationMatch` and
 * `ifGenerationNotMatch` hold on every request, a generation is never used twice, lists come in byte order and in pages,
 * a composition has 32 sources at most and all of them have to be there, a 404 says what is missing, and a signed URL is
 * for what its signature says.
 */
export class StrictGcs {
  /** What was asked, in turn. */
  readonly requests: Incoming[] = [];
  readonly #server: Server;
  readonly #account = new SigningAccount();
  readonly #buckets = new Map<string, Map<string, StoredObject>>();
  readonly #options: StrictGcsOptions;
  #generation = 1_700_000_000_000_000;

  private constructor(options: StrictGcsOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: StrictGcsOptions = {}): Promise<StrictGcs> {
    const gcs = new StrictGcs(options);
    gcs.#server.listen(0, '127.0.0.1');
    await once(gcs.#server, 'listening');
    return gcs;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Of the only account that may sign URLs. */
  get accountKey(): AccountKey {
    return this.#account.key;
  }

  createBucket(name: string): void {
    this.#buckets.set(name, new Map());
  }

  deleteBucket(name: string): void {
    this.#buckets.delete(name);
  }

  /** Names of all objects, in order. */
  namesIn(bucket: string): string[] {
    return [...(this.#buckets.get(bucket)?.keys() ?? [])].sort();
  }

  /** Makes an object as old as this. */
  age(bucket: string, name: string, updated: Date): void {
    const object = this.#object(bucket, name);
    this.#bucket(bucket).set(name, { ...object, updated: updated.toISOString() });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const incoming = { method, url, number: this.requests.length };
    this.requests.push(incoming);
    const misfortune = this.#options.misfortune?.(incoming);
    if (url.includes('X-Goog-')) {
      this.#serveSigned(request, response);
      return;
    }
    if (misfortune === 'lost request') return void request.socket.destroy();
    const body = await bytesOf(request);
    if (body === undefined || misfortune === 'silence') return;
    if (typeof misfortune === 'object') {
      return sendJson(response, misfortune.status, errorBody(misfortune.status, 'misfortune', 'Bad luck.'));
    }
    try {
      const answer = this.#answer(method, new URL(url, 'http://gcs'), request, body);
      if (misfortune === 'lost answer') return void request.socket.destroy();
      if (answer instanceof Answer) sendJson(response, answer.status, answer.body);
      else if (misfortune === 'broken answer') breakOff(response, answer);
      else sendMedia(response, answer, request.headers.range);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, reason, message } = error;
      if (url.includes('alt=media')) response.writeHead(status).end(status === 304 ? undefined : message);
      else sendJson(response, status, errorBody(status, reason, message));
    }
  }

  /** `GET /<bucket>/<object>` of the XML API. */
  #serveSigned({ method = '', url = '', headers }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' || !this.#account.allows({ method, url, host: headers.host ?? '' }))
      return void response.writeHead(403).end('<Code>SignatureDoesNotMatch</Code>');
    const [, bucket = '', ...name] = new URL(url, 'http://gcs').pathname.split('/').map(decodeURIComponent);
    const object = this.#buckets.get(bucket)?.get(name.join('/'));
    if (object === undefined) return void response.writeHead(404).end('<Code>NoSuchKey</Code>');
    sendMedia(response, object, headers.range);
  }

  /** An answer in JSON, or the object whose bytes are asked for. */
  #answer(method: string, url: URL, { headers }: IncomingMessage, body: Buffer): Answer | StoredObject {
    const [, upload, bucket = '', name, compose] =
      /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+)(\/compose)?)?$/.exec(url.pathname) ?? [];
    if (bucket === '') throw new Refusal(404, 'notFound', 'Not Found');
    const query = url.searchParams;
    this.#bucket(bucket);
    if (name === undefined) {
      if (method === 'POST' && upload !== undefined) return this.#insert(bucket, query, headers, body);
      if (method === 'GET') return this.#list(bucket, query);
      throw new Refusal(405, 'methodNotAllowed', 'Method Not Allowed');
    }
    const object = decodeURIComponent(name);
    if (compose !== undefined && method === 'POST') return this.#compose(bucket, object, query, body);
    if (method === 'DELETE') return this.#delete(bucket, object, query);
    if (method !== 'GET') throw new Refusal(405, 'methodNotAllowed', 'Method Not Allowed');
    const found = this.#object(bucket, object);
    this.#check(found, query);
    return query.get('alt') === 'media' ? found : new Answer(200, resourceOf(object, found));
  }

  #insert(bucket: string, query: URLSearchParams, headers: IncomingMessage['headers'], body: Buffer): Answer {
    const name = query.get('name');
    const boundary = /^multipart\/related; boundary=(\S+)$/.exec(headers['content-type'] ?? '')?.[1];
    if (name === null || query.get('uploadType') !== 'multipart' || boundary === undefined) {
      throw new Refusal(400, 'invalid', 'Only multipart uploads are understood.');
    }
    const [metadata, content] = partsOf(body, boundary);
    const resource: unknown = JSON.parse(metadata.toString());
    this.#check(this.#bucket(bucket).get(name), query);
    return this.#keep(bucket, name, content, resource);
  }

  #list(bucket: string, query: URLSearchParams): Answer {
    const [prefix, offset] = [query.get('prefix') ?? '', query.get('startOffset') ?? ''];
    const most = Math.min(Number(query.get('maxResults') ?? 1000), 1000);
    const token = Buffer.from(query.get('pageToken') ?? '', 'base64').toString();
    const names = this.namesIn(bucket).filter(
      (name) => name.startsWith(prefix) && name >= offset && name > token,
    );
    const page = names.slice(0, most);
    const last = page.at(-1);
    return new Answer(200, {
      kind: 'storage#objects',
      items: page.map((name) => resourceOf(name, this.#object(bucket, name))),
      ...(names.length > most && last !== undefined
        ? { nextPageToken: Buffer.from(last).toString('base64') }
        : {}),
    });
  }

  #compose(bucket: string, name: string, query: URLSearchParams, body: Buffer): Answer {
    const request: unknown = JSON.parse(body.toString());
    const sources = listOf(fieldOf(request, 'sourceObjects')).map((source) =>
      String(fieldOf(source, 'name')),
    );
    if (sources.length === 0 || sources.length > 32) {
      throw new Refusal(400, 'invalid', `A composition has 1 to 32 sources, not ${sources.length}.`);
    }
    const parts = sources.map((source) => this.#object(bucket, source).bytes);
    this.#check(this.#bucket(bucket).get(name), query);
    return this.#keep(bucket, name, Buffer.concat(parts), fieldOf(request, 'destination'));
  }

  #delete(bucket: string, name: string, query: URLSearchParams): Answer {
    this.#check(this.#object(bucket, name), query);
    this.#bucket(bucket).delete(name);
    return new Answer(204, undefined);
  }

  #keep(bucket: string, name: string, bytes: Buffer, resource: unknown): Answer {
    this.#generation += 1;
    const [metadata, contentType] = [fieldOf(resource, 'metadata'), fieldOf(resource, 'contentType')];
    const object = {
      bytes,
      generation: this.#generation,
      updated: new Date().toISOString(),
      contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream',
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).map(([key, value]) => [key, String(value)]),
      ),
    };
    this.#bucket(bucket).set(name, object);
    return new Answer(200, resourceOf(name, object));
  }

  /** @throws Refusal when a precondition does not hold. */
  #check(object: StoredObject | undefined, query: URLSearchParams): void {
    const [match, notMatch] = [query.get('ifGenerationMatch'), query.get('ifGenerationNotMatch')];
    for (const condition of [match, notMatch]) {
      if (condition !== null && !/^\d+$/.test(condition))
        throw new Refusal(400, 'invalid', `Invalid generation: ${condition}`);
    }
    const generation = String(object?.generation ?? 0);
    if (match !== null && match !== generation)
      throw new Refusal(
        412,
        'conditionNotMet',
        'At least one of the pre-conditions you specified did not hold.',
      );
    if (notMatch !== null && notMatch === generation) throw new Refusal(304, 'notModified', 'Not Modified');
  }

  #bucket(bucket: string): Map<string, StoredObject> {
    const objects = this.#buckets.get(bucket);
    if (objects === undefined) throw new Refusal(404, 'notFound', 'The specified bucket does not exist.');
    return objects;
  }

  #object(bucket: string, name: string): StoredObject {
    const object = this.#bucket(bucket).get(name);
    if (object === undefined) throw new Refusal(404, 'notFound', `No such object: ${bucket}/${name}`);
    return object;
  }
}

function resourceOf(name: string, object: StoredObject): unknown {
  const { bytes, generation, updated, contentType, metadata } = object;
  return {
    kind: 'storage#object',
    name,
    generation: String(generation),
    size: String(bytes.length),
    updated,
    contentType,
    metadata,
  };
}

function errorBody(code: number, reason: string, message: string): unknown {
  return { error: { code, message, errors: [{ domain: 'global', reason, message }] } };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (body === undefined) return void response.writeHead(status).end();
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body));
}

function sendMedia(response: ServerResponse, object: StoredObject, range: string | undefined): void {
  const { bytes, generation, contentType } = object;
  const headers = { 'content-type': contentType, 'x-goog-generation': String(generation) };
  const asked = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
  if (asked === null) {
    response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
    return;
  }
  const start = Number(asked[1]);
  if (start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` });
    response.end('Request range not satisfiable');
    return;
  }
  const end = Math.min(Number(asked[2]) + 1, bytes.length);
  response.writeHead(206, {
    ...headers,
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  });
  response.end(bytes.subarray(start, end));
}

/** Half of an object, and no more. */
function breakOff(response: ServerResponse, { bytes, generation }: StoredObject): void {
  response.writeHead(200, { 'content-length': bytes.length, 'x-goog-generation': String(generation) });
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
}

/** All of a body; `undefined` when it broke off. */
async function bytesOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const ended = once(request, 'end').then(() => true);
  const closed = once(request, 'close').then(() => request.complete);
  const complete = await Promise.race([ended, closed]).catch(() => false);
  return complete ? Buffer.concat(chunks) : undefined;
}

/** The two bodies of a multipart/related message (RFC 2387). */
function partsOf(body: Buffer, boundary: string): [Buffer, Buffer] {
  const delimiter = `\r\n--${boundary}`;
  const first = body.indexOf('\r\n\r\n') + 4;
  const middle = body.indexOf(delimiter, first);
  const second = body.indexOf('\r\n\r\n', middle + delimiter.length) + 4;
  const last = body.lastIndexOf(`${delimiter}--`);
  if (!body.subarray(0, boundary.length + 2).equals(Buffer.from(`--${boundary}`)) || last < second) {
    throw new Refusal(400, 'badRequest', 'Malformed multipart body.');
  }
  return [body.subarray(first, middle), Buffer.from(body.subarray(second, last))];
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
