import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';

/** How much of a refused body is still read, and for how long, so that the answer arrives and the connection lives on. */
const BYTES = 16 * 1024 * 1024;
const MILLISECONDS = 10_000;

/** Whether so much is still to come that {@link discardUnreadBody} will cut the connection rather than read it. */
export function isTooMuchToDiscard({ complete, headers }: IncomingMessage): boolean {
  return !complete && Number(headers['content-length'] ?? 0) > BYTES;
}

/**
 * Ends an answer. A connection that is closed with bytes of the client unread is reset, and a reset overtakes the
 * answer: one that is to be closed stays open until {@link discardUnreadBody} has come to the end of the body. Unless
 * the client waits for leave to send it (`awaitsLeave`), and will not do so any more.
 */
export function endAnswer(
  response: ServerResponse,
  body: Uint8Array | string | undefined,
  awaitsLeave: boolean,
): void {
  const { req: request, shouldKeepAlive } = response;
  if (shouldKeepAlive || request.complete || awaitsLeave || !hasBody(request)) {
    response.end(body);
    return;
  }
  response.flushHeaders();
  if (body !== undefined) response.write(body);
  finished(request, () => response.end());
}

/**
 * Reads on what a client is still sending after it has been answered. Cutting it off at once would reset the
 * connection and lose the answer; reading all of it would be a gift to whoever sends much. Beyond a bound it is cut.
 */
export function discardUnreadBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let left = BYTES;
  const cut = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(cut, MILLISECONDS).unref();
  request.once('close', () => {
    clearTimeout(timer);
  });
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) cut();
  });
  request.resume();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
