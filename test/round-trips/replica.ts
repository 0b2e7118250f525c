import { Agent, createServer, request, type Server } from 'node:http';
import { duplexPair, Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createRegistry, type Registry } from '@entrepot/core';
import { definePlugin } from '@entrepot/plugin-sdk';
import { MemoryDriver, type Memory } from '@entrepot/storage-memory';
import { DistantDriver } from '@entrepot/storage-simulator';
import { Rounds } from './rounds.ts';

/** Bytes of a part, as a bucket has it. */
export const PART_SIZE = 8 * 1024 * 1024;

const PIECE = 64 * 1024;

export interface Answer {
  readonly status: number;
  readonly location: string;
  readonly body: Buffer;
}

/** Makes connections that are no more than streams in this process: no kernel decides when bytes arrive. */
class InProcessAgent extends Agent {
  readonly #server: Server;

  constructor(server: Server) {
    super();
    this.#server = server;
  }

  override createConnection(): Duplex {
    const [client, ours] = duplexPair();
    this.#server.emit('connection', ours);
    return client;
  }
}

/** A whole registry over a storage that works in {@link Rounds}, and a client for it. */
export class Replica {
  readonly rounds: Rounds;
  readonly #registry: Registry;
  readonly #agent: InProcessAgent;

  private constructor(registry: Registry, rounds: Rounds) {
    this.#registry = registry;
    this.rounds = rounds;
    this.#agent = new InProcessAgent(createServer(registry.handler));
  }

  /** One that has just been started and remembers nothing but the secret of upload ids, which it asks for once. */
  static async start(memory: Memory): Promise<Replica> {
    const rounds = new Rounds();
    const storage = definePlugin<Record<string, never>>({
      name: 'storage-in-rounds',
      schema: { type: 'object', additionalProperties: false, required: [] },
      setup({ name, hooks }) {
        hooks.storage.tap(name, () => new DistantDriver(new MemoryDriver(memory), rounds, PART_SIZE));
      },
    });
    const registry = await createRegistry({ log: { level: 'silent' }, plugins: [storage()] });
    const replica = new Replica(registry, rounds);
    await rounds.during(() => registry.open());
    await rounds.during(() => replica.ask('POST', '/v2/some/repository/blobs/uploads/', 202));
    return replica;
  }

  /** @throws Error when the answer has another status. */
  async ask(
    method: string,
    path: string,
    status: number,
    { type, body }: { readonly type?: string; readonly body?: Buffer } = {},
  ): Promise<Answer> {
    const headers = {
      'content-length': body?.length ?? 0,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    const asking = request({ agent: this.#agent, method, path, headers });
    Readable.from(piecesOf(body)).pipe(asking);
    const answer = await new Promise<Answer>((resolve, reject) => {
      asking.on('error', reject);
      asking.on('response', (response) => {
        const { statusCode = 0, headers: answered } = response;
        buffer(response).then(
          (bytes) => resolve({ status: statusCode, location: answered.location ?? '', body: bytes }),
          reject,
        );
      });
    });
    if (answer.status === status) return answer;
    throw new Error(`${method} ${path}: ${answer.status}, not ${status}: ${answer.body.toString()}`);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.rounds.during(() => this.#registry.stop());
  }
}

/** Bytes as they come from a network: a registry sees no more of a body at a time. */
function* piecesOf(body: Buffer | undefined): Generator<Buffer> {
  if (body === undefined) return;
  for (let start = 0; start < body.length; start += PIECE) yield body.subarray(start, start + PIECE);
}
