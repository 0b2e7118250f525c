import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What is to be told to whoever is asked: `traceparent` and the like. */
export interface OutgoingHeaders {
  /** Of the span that is open where this is called; none outside of a request that is traced. */
  headers(): ReadonlyMap<string, string>;
}

/** Where Node tells of a request that is about to be sent, by node:http and by fetch. */
const HTTP = 'http.client.request.created';
const FETCH = 'undici:request:create';

/** Hands the trace of a request on with the requests that plugins send meanwhile, to a bucket or a token server. */
export class OutgoingRequests {
  readonly #spans: OutgoingHeaders;
  readonly #addTo: (message: unknown) => void;

  constructor(spans: OutgoingHeaders) {
    this.#spans = spans;
    this.#addTo = (message) => {
      const request = memberOf(message, 'request');
      for (const [name, value] of this.#spans.headers()) addHeader(request, name, value);
    };
  }

  watch(): void {
    subscribe(HTTP, this.#addTo);
    subscribe(FETCH, this.#addTo);
  }

  unwatch(): void {
    unsubscribe(HTTP, this.#addTo);
    unsubscribe(FETCH, this.#addTo);
  }
}

function memberOf(message: unknown, name: string): object | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const member: unknown = Reflect.get(message, name);
  return typeof member === 'object' && member !== null ? member : undefined;
}

/** Requests of node:http have `setHeader`, those of fetch `addHeader`. */
function addHeader(request: object | undefined, name: string, value: string): void {
  if (request === undefined) return;
  for (const method of ['setHeader', 'addHeader']) {
    const add: unknown = Reflect.get(request, method);
    if (typeof add !== 'function') continue;
    Reflect.apply(add, request, [name, value]);
    return;
  }
}
