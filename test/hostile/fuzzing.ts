import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { Agent, request as ask } from 'node:http';
import { dirname, join } from 'node:path';
import { bareManifest, contentOf, digestOf, imageOf, indexOf } from '../oci/content.ts';
import { HttpClient } from '../oci/http-client.ts';
import { Dice } from './dice.ts';
import { innerWords } from './disclosure.ts';
import type { Known } from './odd-names.ts';
import { canary, OddRequests, type OddRequest } from './odd-requests.ts';
import { headerIn, rawAnswers, type RawAnswer } from './raw-answers.ts';
import { RegistryChild } from './registry-child.ts';

export interface FuzzChoice {
  readonly storage: 'memory' | 'filesystem';
  readonly requests: number;
  readonly seed: number;
  /** Told now and then how many requests have been sent. */
  readonly onProgress?: (sent: number) => void;
}

/** What a run has seen. */
export interface FuzzReport {
  readonly requests: number;
  /** How often each status was answered. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Connections that were closed without an answer. */
  readonly unanswered: number;
}

/** A request that a registry should not have answered as it did. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';

  constructor(reason: string, choice: FuzzChoice, index: number, bytes: Buffer, shrunk: Buffer) {
    super(
      [
        reason,
        `seed ${choice.seed}, storage ${choice.storage}, request ${index}`,
        `sent (${bytes.length} bytes): ${quoted(bytes)}`,
        ...(shrunk.length < bytes.length ? [`smallest that does it: ${quoted(shrunk)}`] : []),
      ].join('\n'),
    );
  }
}

const CONNECTIONS = 48;
/** Requests after which the registry is looked at. */
const ROUND = 1000;
/** How long a registry may take to answer, and to close; milliseconds. */
const PATIENCE = 20_000;
/** After so many milliseconds without a byte nothing more is expected. */
const QUIET = 60;
const SHRINKINGS = 300;

/**
 * Sends odd requests to a registry in a process of its own, and holds every answer to what clients are owed: no 5xx, no
 * hang, no crash, the error body of the spec, no word of what is inside, nothing run that was hidden in a body, no file
 * outside of the root, no error in the log.
 * @throws FuzzFailure with the bytes that broke it, made as small as they can be.
 */
export async function fuzz(choice: FuzzChoice): Promise<FuzzReport> {
  const registry = await RegistryChild.start({
    storage: choice.storage,
    settings: { http: { trustedProxies: ['127.0.0.1'] } },
  });
  const run = new FuzzRun(registry, choice);
  try {
    return await run.all();
  } finally {
    run.close();
    await registry.stop();
  }
}

class FuzzRun {
  readonly #registry: RegistryChild;
  readonly #choice: FuzzChoice;
  readonly #client: HttpClient;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #statuses = new Map<number, number>();
  #unanswered = 0;

  constructor(registry: RegistryChild, choice: FuzzChoice) {
    this.#registry = registry;
    this.#choice = choice;
    this.#client = new HttpClient(registry.url);
  }

  close(): void {
    this.#client.close();
    this.#agent.destroy();
  }

  async all(): Promise<FuzzReport> {
    const { requests, seed } = this.#choice;
    const outside = await this.#outside();
    await this.#putCanary();
    for (let begun = 0; begun < requests;) {
      const known = await this.#prepare();
      const end = Math.min(requests, begun + ROUND);
      const indexes = Array.from({ length: end - begun }, (_, index) => begun + index).values();
      const lane = async (): Promise<void> => {
        for (const index of indexes) await this.#tryOne(index, known, new Dice(seed + index * 7919));
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, lane));
      begun = end;
      await this.#look(begun);
      this.#choice.onProgress?.(begun);
    }
    const after = await this.#outside();
    if (after.join() !== outside.join())
      this.#fail(`there are files outside of the root: ${after.join(' ')}`, requests);
    return { requests, statuses: this.#statuses, unanswered: this.#unanswered };
  }

  async #tryOne(index: number, known: Known, dice: Dice): Promise<void> {
    const requests = new OddRequests(dice, known);
    if (dice.chance(0.2)) {
      const proper = requests.proper();
      const reason = await this.#askProperly(proper);
      if (reason !== undefined) this.#fail(reason, index, Buffer.from(JSON.stringify(proper)));
      return;
    }
    const request = requests.next();
    const reason = await this.#judge(request, true);
    if (reason === undefined) return;
    const shrunk = await this.#shrink(request);
    throw new FuzzFailure(reason, this.#choice, index, request.bytes, shrunk);
  }

  /** What is wrong with how the registry answers, if anything is. */
  async #judge(request: OddRequest, isCounted: boolean): Promise<string | undefined> {
    const exchange = await this.#exchange(request);
    if (exchange === undefined) return 'the connection was neither answered nor closed in time';
    let answers: RawAnswer[];
    try {
      answers = rawAnswers(exchange, request);
    } catch (error) {
      return `what came is no answer: ${String(error)}: ${quoted(exchange)}`;
    }
    if (isCounted) this.#count(answers);
    if (request.isClear && answers.length < request.methods.length && !answers.some(closes))
      return `${request.methods.length} requests have got ${answers.length} answers`;
    for (const answer of answers) {
      const reason = wrongAnswer(answer);
      if (reason !== undefined) return `${reason}: ${answer.status} ${answer.body.toString().slice(0, 500)}`;
    }
    return undefined;
  }

  #count(answers: readonly RawAnswer[]): void {
    for (const { status } of answers) this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (answers.length === 0) this.#unanswered += 1;
  }

  /**
   * Sends a request and gives all that comes until the registry closes; `undefined` when it does not in time. The
   * client ends its side when it has all answers, or, if it is not clear how many there are, when nothing comes any more.
   */
  #exchange({ bytes, methods, isClear }: OddRequest): Promise<Buffer | undefined> {
    const { hostname, port } = new URL(this.#registry.url);
    return new Promise((resolve) => {
      let received = Buffer.alloc(0);
      const socket = connect({ host: hostname, port: Number(port) });
      const patience = setTimeout(() => {
        resolve(undefined);
        socket.destroy();
      }, PATIENCE);
      const quiet = setTimeout(() => socket.end(), isClear ? PATIENCE : QUIET);
      socket
        .on('data', (chunk: Buffer) => {
          received = Buffer.concat([received, chunk]);
          if (!isClear) quiet.refresh();
          else if (hasAnswers(received, methods)) socket.end();
        })
        // A reset is one of the ways in which the registry may close.
        .on('error', () => undefined)
        .on('close', () => {
          clearTimeout(patience);
          clearTimeout(quiet);
          resolve(received);
        });
      socket.write(bytes);
    });
  }

  /** Sends a request as Node's own client does, over connections that are kept. */
  #askProperly({
    method,
    path,
    headers,
    body,
  }: ReturnType<OddRequests['proper']>): Promise<string | undefined> {
    const { hostname, port } = new URL(this.#registry.url);
    return new Promise((resolve) => {
      const asking = ask({
        agent: this.#agent,
        host: hostname,
        port,
        method,
        path: path === '' ? '/' : path,
        headers: { ...headers, 'content-length': body.length },
        timeout: PATIENCE,
      });
      asking
        .on('timeout', () => resolve('the request was not answered in time'))
        // The registry may close a connection it has announced to close while a request is on its way.
        .on('error', () => resolve(undefined))
        .on('response', (response) => {
          const chunks: Buffer[] = [];
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('error', () => resolve(undefined))
            .on('end', () => {
              const answer: RawAnswer = {
                status: response.statusCode ?? 0,
                headers: Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
                body: Buffer.concat(chunks),
                isToHead: method === 'HEAD',
              };
              this.#count([answer]);
              resolve(wrongAnswer(answer));
            });
        });
      asking.end(body);
    });
  }

  /** Cuts pieces out of a request for as long as the registry goes on answering the rest wrongly. */
  async #shrink(request: OddRequest): Promise<Buffer> {
    let { bytes } = request;
    let tries = 0;
    for (let size = bytes.length >> 1; size > 0 && tries < SHRINKINGS; size >>= 1) {
      for (let at = 0; at < bytes.length && tries < SHRINKINGS; tries += 1) {
        const less = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
        const reason = await this.#judge({ ...request, bytes: less, isClear: false }, false);
        if (reason === undefined) at += size;
        else bytes = less;
      }
    }
    return bytes;
  }

  /** Whether the registry is well after a round. */
  async #look(sent: number): Promise<void> {
    const { complaints, isRunning } = this.#registry;
    if (!isRunning) this.#fail('the registry is gone', sent);
    const errors = complaints.filter(({ level }) => level !== 'warn');
    if (errors.length > 0) this.#fail(`the log has errors: ${JSON.stringify(errors.slice(0, 3))}`, sent);
    const base = await this.#client.get('/v2/');
    if (base.status !== 200) this.#fail(`/v2/ answers ${base.status}`, sent);
    const { repository, tag } = canary;
    if ((await this.#client.get(`/v2/${repository}/manifests/${tag}`)).status !== 200)
      this.#fail('a request that was hidden in a body has been run', sent);
    if ((await this.#client.get(`/v2/smuggled/blobs/${digestOf('a')}`)).status !== 404)
      this.#fail('a request that was hidden in a body has been run', sent);
  }

  #fail(reason: string, index: number, bytes = Buffer.alloc(0)): never {
    throw new FuzzFailure(reason, this.#choice, index, bytes, bytes);
  }

  async #putCanary(): Promise<void> {
    const { bytes, mediaType } = bareManifest('canary');
    await this.#client.put(`/v2/${canary.repository}/manifests/${canary.tag}`, {
      headers: { 'content-type': mediaType },
      body: bytes,
    });
  }

  /** Pushes what requests may be about: earlier ones may have deleted it. */
  async #prepare(): Promise<Known> {
    const repositories = ['library/app', 'a', 'a/b/c', 'x/blobs', 'constructor'] as const;
    const tags = ['v1', 'latest', '__proto__', 'A.b-c_1'] as const;
    const config = contentOf('{"architecture":"amd64","os":"linux"}');
    const layer = contentOf(Buffer.alloc(100_000, 'layer'));
    const image = imageOf(config, [layer]);
    const index = indexOf([image]);
    const uploads: string[] = [];
    for (const repository of repositories) {
      const blobs = `/v2/${repository}/blobs`;
      for (const { bytes, digest } of [config, layer])
        await this.#client.post(`${blobs}/uploads/?digest=${digest}`, { body: bytes });
      for (const { bytes, digest, mediaType } of [image, index])
        await this.#client.put(
          `/v2/${repository}/manifests/${digest}?${tags.map((tag) => `tag=${tag}`).join('&')}`,
          {
            headers: { 'content-type': mediaType },
            body: bytes,
          },
        );
      for (const body of ['', 'hello']) {
        const upload = String((await this.#client.post(`${blobs}/uploads/`)).headers.location);
        await this.#client.patch(upload, { body });
        uploads.push(upload);
      }
    }
    const [first = '', ...others] = uploads;
    const digests = [
      layer.digest,
      config.digest,
      image.digest,
      index.digest,
      digestOf('hello'),
      digestOf(''),
    ] as const;
    return { repositories, tags, digests, uploads: [first, ...others] };
  }

  /** Names in the folder of the registry, in the folder around it, and right below the root of its objects. */
  async #outside(): Promise<string[]> {
    const { folder } = this.#registry;
    const around = (await readdir(dirname(folder))).filter((name) => name.includes('entrepot-hostile'));
    const inside = this.#choice.storage === 'filesystem' ? await readdir(join(folder, 'storage')) : [];
    return [...around, ...(await readdir(folder)), ...inside].sort();
  }
}

/** Whether each of these clear requests has got its answer. */
function hasAnswers(received: Buffer, methods: readonly string[]): boolean {
  try {
    return rawAnswers(received, { methods, isClear: true }).length >= methods.length;
  } catch {
    return false; // The last one is not all there yet.
  }
}

function closes(answer: RawAnswer): boolean {
  return headerIn(answer, 'connection') === 'close';
}

/** What is wrong with an answer, if anything is. */
function wrongAnswer(answer: RawAnswer): string | undefined {
  const { status, body, headers, isToHead } = answer;
  if (status >= 500) return 'the answer is a 5xx';
  if (status < 400) return undefined;
  if (status === 304 || isToHead) return undefined;
  if (headerIn(answer, 'content-type') !== 'application/json') return 'the error has no JSON body';
  if (!isErrorBody(body)) return 'the error body is not that of the spec';
  const shown = `${body.toString()}\n${headers.map(([name, value]) => `${name}: ${value}`).join('\n')}`;
  return innerWords.test(shown) ? 'the error shows what is inside' : undefined;
}

const codes = /^[A-Z_]+$/;

/** distribution-spec, "Error Codes". */
function isErrorBody(body: Buffer): boolean {
  const json: unknown = JSON.parse(body.toString());
  if (typeof json !== 'object' || json === null || !('errors' in json) || !Array.isArray(json.errors))
    return false;
  return (
    json.errors.length > 0 &&
    json.errors.every(
      (error: unknown) =>
        typeof error === 'object' &&
        error !== null &&
        'code' in error &&
        typeof error.code === 'string' &&
        codes.test(error.code) &&
        'message' in error &&
        typeof error.message === 'string',
    )
  );
}

function quoted(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'));
  return text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text;
}
