import {
  Agent as HttpAgent,
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { DeliveryError, type SinkEvent, type Speller } from '@entrepot/plugin-sdk/events';
import { publicLookup, refusePrivate } from './public-addresses.ts';
import { sign, signatureHeader } from './signature.ts';

/** Bytes of an answer that are read, for the reason of a refusal. */
const MAX_ANSWER = 2048;
/** Statuses of receivers, or of what is in front of them, that cannot take anything now. */
const UNAVAILABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Client errors that are none of the event's. */
const FAILED: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 421, 425]);

export interface EndpointOptions {
  readonly url: URL;
  readonly spell: Speller;
  readonly headers: Readonly<Record<string, string>>;
  /** What bodies are signed with. */
  readonly secret: string | undefined;
  readonly allowPrivateAddresses: boolean;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** One receiver of events over HTTP. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #agent: HttpAgent;
  readonly #request: typeof requestHttp;

  constructor(options: EndpointOptions) {
    const { url, allowPrivateAddresses, tls } = options;
    const connections = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4 };
    const guarded = allowPrivateAddresses ? connections : { ...connections, lookup: publicLookup() };
    this.#options = options;
    this.#agent = url.protocol === 'https:' ? new HttpsAgent({ ...guarded, ...tls }) : new HttpAgent(guarded);
    this.#request = url.protocol === 'https:' ? requestHttps : requestHttp;
  }

  /**
   * POSTs the event; any answer of 2xx has taken it. Redirects are not followed: they would lead elsewhere with the
   * credentials of this place. @throws DeliveryError
   */
  async deliver(event: SinkEvent, signal: AbortSignal): Promise<void> {
    const { spell, secret, headers, url, allowPrivateAddresses } = this.#options;
    if (!allowPrivateAddresses) refusePrivate(url.hostname);
    const { body, contentType } = spell(event);
    const answer = await this.#post(
      {
        ...headers,
        'content-type': contentType,
        'content-length': Buffer.byteLength(body),
        'user-agent': 'entrepot-events-webhook',
        'entrepot-event': event.id,
        ...(secret === undefined ? {} : { [signatureHeader]: sign(secret, body, Date.now()) }),
      },
      body,
      signal,
    );
    const text = await beginningOf(answer);
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return;
    throw refusalOf(statusCode, text, answer.headers['retry-after']);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(
    headers: Readonly<Record<string, string | number>>,
    body: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      let request: ClientRequest | undefined;
      // What has not been connected to has not been asked: it is not there.
      let isSent = false;
      const fail = (error: Error): void => {
        if (error instanceof DeliveryError) reject(error);
        else reject(new DeliveryError(isSent ? 'failed' : 'unavailable', error.message, { cause: error }));
      };
      try {
        const options = { method: 'POST', headers, agent: this.#agent, signal };
        request = this.#request(this.#options.url, options, resolve);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      request.once('finish', () => (isSent = true));
      request.once('error', fail);
      request.end(body);
    });
  }
}

/** Reads on to the end, so that the connection can be used again, and keeps the beginning. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (bytes < MAX_ANSWER) kept.push(chunk);
      bytes += chunk.length;
      if (bytes > 1_048_576) {
        answer.destroy();
        break;
      }
    }
  } catch (error) {
    throw new DeliveryError('failed', 'the answer broke off', { cause: error });
  }
  return Buffer.concat(kept).subarray(0, MAX_ANSWER).toString('utf8').replaceAll(/\s+/g, ' ').trim();
}

function refusalOf(status: number, text: string, retryAfter: string | undefined): DeliveryError {
  const message = `the receiver answers ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`;
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const options = { retryAfter: seconds === undefined ? undefined : seconds * 1000 };
  if (UNAVAILABLE.has(status)) return new DeliveryError('unavailable', message, options);
  if (status >= 400 && status < 500 && !FAILED.has(status))
    return new DeliveryError('rejected', message, options);
  return new DeliveryError('failed', message, options);
}
