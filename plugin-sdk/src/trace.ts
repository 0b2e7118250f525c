/** What a span says of itself. Nothing secret: whoever reads traces reads it. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that is open. */
export interface Span {
  /** Adds to what it says. */
  set(attributes: SpanAttributes): void;
}

/** A request that is about to be served. */
export interface TracedRequest {
  readonly method: string;
  readonly requestId: string;
  /** `traceparent` and `tracestate` (W3C Trace Context) as the client sent them. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** Follows requests through the registry. What it is given to run it runs at once, whatever becomes of the span. */
export interface Tracer {
  /** Runs a request: spans begun in it are its children. Gives and throws what `work` does. */
  request<Result>(request: TracedRequest, work: (span: Span) => Promise<Result>): Promise<Result>;
  /** Runs a step of a request: authentication, a hook, the work of the endpoint. Gives and throws what `work` does. */
  step<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
}
