import type { IncomingMessage } from 'node:http';

/** How much of a refused body is still read, and for how long, so that the answer arrives and the connection lives on. */
const BYTES = 16 * 1024 * 1024;
const MILLISECONDS = 10_000;

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
