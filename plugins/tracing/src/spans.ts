import { AsyncLocalStorage } from 'node:async_hooks';
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span as OpenSpan,
  type Tracer as SpanSource,
} from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator, type ExportResult } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import {
  isRegistryError,
  type Logger,
  type Span,
  type SpanAttributes,
  type TracedRequest,
  type Tracer,
} from '@entrepot/plugin-sdk';

export interface SpansOptions {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly share: number;
  readonly trustClients: boolean;
}

/** Spans that wait for the collector; what comes on top is dropped. */
const QUEUE = 4096;
const BATCH = 512;
const EVERY_MILLISECONDS = 2000;
const PATIENCE_MILLISECONDS = 5000;

/** The spans of a registry. Nothing of OpenTelemetry that is global is touched: several registries may be in a process. */
export class Spans implements Tracer {
  readonly #provider: TracerProvider;
  readonly #source: SpanSource;
  readonly #propagator = new W3CTraceContextPropagator();
  readonly #current = new AsyncLocalStorage<Context>();

  constructor({ endpoint, headers, service, share, trustClients }: SpansOptions, log: Logger) {
    const byShare = new TraceIdRatioBasedSampler(share);
    const exporter = new OTLPTraceExporter({
      url: endpoint,
      headers: { ...headers },
      timeoutMillis: PATIENCE_MILLISECONDS,
    });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      sampler: trustClients ? new ParentBasedSampler({ root: byShare }) : byShare,
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new TellingExporter(exporter, log),
          maxQueueSize: QUEUE,
          maxExportBatchSize: BATCH,
          scheduledDelayMillis: EVERY_MILLISECONDS,
          exportTimeoutMillis: PATIENCE_MILLISECONDS,
        }),
      ],
    });
    this.#source = this.#provider.getTracer('entrepot');
  }

  request<Result>(
    { method, requestId, traceparent, tracestate }: TracedRequest,
    work: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const carrier = { ...(traceparent && { traceparent }), ...(tracestate && { tracestate }) };
    const parent = this.#propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    const attributes = { 'http.request.method': method, 'entrepot.request_id': requestId };
    const span = this.#source.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
    // A request that is not traced costs no more than this: what is in it finds no context.
    if (!span.isRecording()) return work({ set: () => undefined });
    return this.#run(span, parent, () => work({ set: (more) => describe(span, method, more) }));
  }

  step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.call(name, {}, work);
  }

  /** Runs something inside of a span, when there is one to be its parent. */
  call<Result>(name: string, attributes: SpanAttributes, work: () => Promise<Result>): Promise<Result> {
    const parent = this.#current.getStore();
    if (parent === undefined) return work();
    const prefixed = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [`entrepot.${key}`, value]),
    );
    const span = this.#source.startSpan(name, { kind: SpanKind.INTERNAL, attributes: prefixed }, parent);
    return this.#run(span, parent, work);
  }

  headers(): ReadonlyMap<string, string> {
    const carrier: Record<string, string> = {};
    const context = this.#current.getStore();
    if (context !== undefined) this.#propagator.inject(context, carrier, defaultTextMapSetter);
    return new Map(Object.entries(carrier));
  }

  /** Sends what waits, and ends. */
  async end(): Promise<void> {
    await this.#provider.shutdown();
  }

  async #run<Result>(span: OpenSpan, parent: Context, work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#current.run(trace.setSpan(parent, span), work);
    } catch (error) {
      // What a client is refused with is an answer; its text may be about anything, so its code has to do.
      const message = isRegistryError(error) ? error.code : error instanceof Error ? error.name : 'error';
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      // The timer that sends it later must not belong to the request.
      this.#current.exit(() => span.end());
    }
  }
}

/** Says of a request what is known at its end, in the words of OpenTelemetry where it has some. */
function describe(span: OpenSpan, method: string, { endpoint, status, ...rest }: SpanAttributes): void {
  if (endpoint !== undefined) {
    span.updateName(`${method} ${endpoint}`);
    span.setAttribute('http.route', endpoint);
  }
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  if (typeof status === 'number' && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  for (const [key, value] of Object.entries(rest)) span.setAttribute(`entrepot.${key}`, value);
}

/** Sends spans, and says in the log when that begins to fail and when it works again, not each time. */
class TellingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Logger;
  #fails = false;

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      const fails = result.code === ExportResultCode.FAILED;
      if (fails && !this.#fails)
        this.#log.warn({ err: result.error }, 'the collector takes no spans: they are dropped until it does');
      if (!fails && this.#fails) this.#log.info({}, 'the collector takes spans again');
      this.#fails = fails;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }
}
