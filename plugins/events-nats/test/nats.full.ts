import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect } from 'chai';
import type { RegistryEvent } from '@entrepot/plugin-sdk';
import { DeliveryError, spell } from '@entrepot/plugin-sdk/events';
import { Publisher, type PublisherOptions } from '../src/publisher.ts';

const event: RegistryEvent = {
  id: '00000000-0000-4000-8000-000000000001',
  action: 'push',
  kind: 'manifest',
  time: '2026-01-01T00:00:00.000Z',
  repository: 'team/app',
  target: { mediaType: 'a/b', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
  address: '192.0.2.7',
  requestId: 'request-1',
  method: 'PUT',
};

/** nats-server, as it is installed: with JetStream, and a token. */
class Server {
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #port = -1;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Takes a free port the first time, and the same one again. */
  async start(): Promise<void> {
    const config = join(this.#folder, 'nats.conf');
    await writeFile(
      config,
      `listen: 127.0.0.1:${this.#port}\nauthorization { token: sesame }\njetstream { store_dir: ${JSON.stringify(this.#folder)} }\n`,
    );
    const child = spawn('nats-server', ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    const lines = createInterface({ input: child.stderr });
    for await (const line of lines) {
      const [, port] = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (port !== undefined) this.#port = Number(port);
      if (line.includes('Server is ready')) break;
    }
    child.stderr.resume();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

describe('Events on nats-server', () => {
  let folder: string;
  let server: Server;
  let client: NatsConnection;
  let publisher: Publisher | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-nats-'));
    server = new Server(folder);
    await server.start();
    client = await connect({ servers: server.url, token: 'sesame' });
    const stream = { name: 'registry', subjects: ['registry.>'], storage: 'file' };
    await client.request('$JS.API.STREAM.CREATE.registry', JSON.stringify(stream));
  });
  afterEach(async () => {
    await publisher?.close();
    publisher = undefined;
  });
  after(async () => {
    await client.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function publish(
    what = event,
    options: Partial<PublisherOptions> = {},
  ): Promise<DeliveryError | undefined> {
    publisher ??= new Publisher({
      servers: [server.url],
      subject: 'registry',
      jetstream: true,
      spell: spell('cloudevents'),
      secrets: () => ({ token: 'sesame' }),
      timeout: 10_000,
      ...options,
    });
    try {
      await publisher.publish(what);
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      throw error;
    }
  }

  /** Messages the stream has. */
  async function messages(): Promise<number> {
    const answer: unknown = (await client.request('$JS.API.STREAM.INFO.registry')).json();
    return Number(/"messages":(\d+)/.exec(JSON.stringify(answer))?.[1]);
  }

  it('are in the stream once, though they are published twice', async () => {
    const subscription = client.subscribe('registry.push', { max: 1 });
    expect(await publish()).to.equal(undefined);
    expect(await publish()).to.equal(undefined);
    expect(await messages()).to.equal(1);
    for await (const message of subscription) {
      expect(message.headers?.get('Nats-Msg-Id')).to.equal(event.id);
      expect(message.headers?.get('Content-Type')).to.equal('application/cloudevents+json; charset=UTF-8');
      expect(message.json()).to.deep.include({ type: 'entrepot.registry.push', data: event });
    }
  });

  it('wait while no stream has their subject', async () => {
    const error = await publish(event, { subject: 'elsewhere' });
    expect(error).to.include({ fault: 'unavailable', message: 'no stream has the subject elsewhere.push' });
  });

  it('need no stream without JetStream', async () => {
    const subscription = client.subscribe('elsewhere.push', { max: 1 });
    await client.flush();
    expect(await publish(event, { subject: 'elsewhere', jetstream: false })).to.equal(undefined);
    for await (const message of subscription) expect(message.json()).to.deep.include({ data: event });
  });

  it('wait while the token is wrong', async () => {
    expect((await publish(event, { secrets: () => ({ token: 'wrong' }) }))?.fault).to.equal('unavailable');
  });

  it('wait while the server is down, and go on when it is back', async () => {
    expect(await publish()).to.equal(undefined);
    await client.close();
    await server.stop();
    expect((await publish())?.fault).to.equal('unavailable');
    expect((await publish())?.fault).to.equal('unavailable');
    await server.start();
    client = await connect({ servers: server.url, token: 'sesame' });
    expect(await publish({ ...event, id: '00000000-0000-4000-8000-000000000002' })).to.equal(undefined);
    expect(await messages()).to.equal(2);
  });
});
