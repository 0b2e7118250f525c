import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** RabbitMQ of Debian, with a folder and ports of its own, and the port mapper that it needs. */
export class RabbitMq {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #port: number;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async start(): Promise<RabbitMq> {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-rabbitmq-'));
    const [port, ofNode, ofMapper] = await freePorts(3);
    const broker = new RabbitMq(folder, port ?? 0);
    const mapper = spawn('epmd', ['-port', String(ofMapper), '-address', '127.0.0.1'], { stdio: 'ignore' });
    broker.#children.push(mapper);
    await writeFile(join(folder, 'plugins'), '[].\n');
    const server = spawn('/usr/lib/rabbitmq/bin/rabbitmq-server', {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        ERL_EPMD_PORT: String(ofMapper),
        ERL_EPMD_ADDRESS: '127.0.0.1',
        RABBITMQ_NODENAME: 'entrepot@localhost',
        RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
        RABBITMQ_NODE_PORT: String(port),
        RABBITMQ_DIST_PORT: String(ofNode),
        RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
        RABBITMQ_LOG_BASE: join(folder, 'log'),
        RABBITMQ_LOGS: '-',
        RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
        RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
        RABBITMQ_PID_FILE: join(folder, 'pid'),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    broker.#children.push(server);
    const lines: string[] = [];
    for await (const line of createInterface({ input: server.stdout })) {
      lines.push(line);
      if (!line.includes('Server startup complete')) continue;
      server.stdout.resume();
      return broker;
    }
    await broker.stop();
    throw new Error(`RabbitMQ has ended: ${lines.slice(-5).join('\n')}`);
  }

  /** With the user that it makes by itself, without the password. */
  get url(): string {
    return `amqp://guest@127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('there is no port');
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
