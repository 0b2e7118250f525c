import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { RegistryError } from '@entrepot/plugin-sdk';
import { clientError, errorBody } from '../http/send-error.ts';
import { discardUnreadBody, endAnswer, isTooMuchToDiscard } from '../http/unread-body.ts';
import type { Logger } from '../log.ts';

/** What takes a request: a listener of Node's HTTP server. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers outside of `/v2`. The body is JSON, and no cache keeps it. */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const { req: request } = response;
  // Who has asked for leave to send a body will not send it now: what comes next on the connection cannot be told.
  const awaitsLeave = request.headers.expect !== undefined && !request.complete;
  if (awaitsLeave || isTooMuchToDiscard(request)) response.shouldKeepAlive = false;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  endAnswer(response, body, awaitsLeave);
  discardUnreadBody(request);
}

/** Answers outside of `/v2` with the spec's error body. The cause of a 5xx goes to the log, under the id the client gets. */
export function answerError(response: ServerResponse, error: unknown, log: Logger): void {
  const shown = clientError(error);
  const requestId = randomUUID();
  if (shown.status >= 500) log.error({ err: error, reqId: requestId }, 'a request has failed');
  if (response.headersSent) response.destroy();
  else answerJson(response, shown.status, errorBody(shown, requestId), { 'x-request-id': requestId });
}

/** For every path that is nobody's. */
export function answerNotFound(response: ServerResponse, log: Logger): void {
  answerError(
    response,
    new RegistryError('UNSUPPORTED', 'nothing is here; the API is under /v2/', { status: 404 }),
    log,
  );
}
