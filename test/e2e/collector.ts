import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { json } from 'node:stream/consumers';

/** A span, as a collector of OpenTelemetry gets it. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Takes traces: OTLP over HTTP, as JSON. */
export class Collector {
  readonly spans: CollectedSpan[] = [];
  readonly headers: unknown[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server);
    server.on('request', (request, response) => {
      collector.headers.push(request.headers);
      json(request).then(
        (body) => {
          for (const span of spansIn(body)) collector.spans.push(spanOf(span));
          response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        },
        () => response.writeHead(400).end(),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return collector;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the collector has no port');
    return `http://127.0.0.1:${address.port}/v1/traces`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): Members[] {
  return Array.isArray(value) ? value.map(membersOf) : [];
}

function spansIn(body: unknown): Members[] {
  return listOf(membersOf(body)['resourceSpans'])
    .flatMap((resource) => listOf(resource['scopeSpans']))
    .flatMap((scope) => listOf(scope['spans']));
}

function spanOf({ name, traceId, spanId, parentSpanId = '', attributes }: Members): CollectedSpan {
  return {
    name: String(name),
    traceId: String(traceId),
    spanId: String(spanId),
    parentSpanId: typeof parentSpanId === 'string' ? parentSpanId : '',
    attributes: Object.fromEntries(
      listOf(attributes).map(({ key, value }) => [String(key), Object.values(membersOf(value))[0]]),
    ),
  };
}
