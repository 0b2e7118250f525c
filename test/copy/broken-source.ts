import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';

/** What stands between a client and a registry, and what it does to answers. */
export interface BrokenSource {
  readonly host: string;
  /** Requests that have passed, as `METHOD path`. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/** Whether a request is answered here instead. */
export type Breaks = (incoming: IncomingMessage, answer: ServerResponse) => boolean;

/** For {@link Breaks}: this has been answered. */
export function answered(_answer: ServerResponse): true {
  return true;
}

/** A registry behind something that breaks now and then, and keeps these headers to itself. */
export async function breakRegistry(
  url: string,
  breaks: Breaks,
  hidden: readonly string[] = [],
): Promise<BrokenSource> {
  const requests: string[] = [];
  const server = createServer((incoming, answer) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    if (breaks(incoming, answer)) return;
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '/', url), { method, headers }, (real) => {
      const shown = Object.entries(real.headers).filter(([name]) => !hidden.includes(name));
      answer.writeHead(real.statusCode ?? 500, Object.fromEntries(shown));
      real.pipe(answer);
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
