import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RegistryError } from '@entrepot/plugin-sdk';
import { errorBody } from '../http/send-error.ts';

/** How much is still taken from a client after its connection was refused, and for how long. */
const BYTES = 1024 * 1024;
const MILLISECONDS = 2_000;

/**
 * Connections on which something came that is no request, so that there is no answer to give. They get the spec's
 * error body all the same. Closing them at once would reset them, and the refusal could be lost: until the client has
 * closed its side, what it still sends is taken and thrown away, up to a bound.
 */
export class Unanswerable {
  /** Bytes a connection may have brought in all before it is cut. */
  readonly #refused = new WeakMap<Duplex, number>();

  /** Refuses what comes on the connection, and ends it, once `answer` to what came before has gone out. */
  refuse(socket: Duplex, refusal: RegistryError, answer?: ServerResponse): void {
    this.#note(socket);
    if (answer === undefined) end(socket, messageOf(refusal));
    else answer.once('close', () => end(socket, messageOf(refusal)));
  }

  /** Ends a connection: what has been answered on it goes out, nothing more is said. */
  end(socket: Duplex): void {
    this.#note(socket);
    end(socket, '');
  }

  /** Whether the connection was refused before, and so what comes on it is of no interest. Too much of it ends it. */
  has(socket: Duplex): boolean {
    const bound = this.#refused.get(socket);
    if (bound !== undefined && bytesRead(socket) > bound) socket.destroy();
    return bound !== undefined;
  }

  #note(socket: Duplex): void {
    this.#refused.set(socket, bytesRead(socket) + BYTES);
  }
}

/** What a client is told whose bytes the parser of Node has given up with this code. */
export function refusalOf(code: string | undefined): RegistryError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal('the headers of the request are too large', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refusal('the chunk extensions of the request are too large', 413);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('the headers of the request took too long', 408);
    default:
      return refusal('the request is no valid HTTP/1.1', 400);
  }
}

/** What is wrong with the `Host` of a request, if anything is: there has to be one (RFC 9112, 3.2). */
export function hostRefusal({ rawHeaders, httpVersion }: IncomingMessage): RegistryError | undefined {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return undefined;
  return refusal('the request has to have one Host header', 400);
}

function messageOf(error: RegistryError): string {
  const { status } = error;
  const body = errorBody(error, '');
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
    `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

function end(socket: Duplex, message: string): void {
  // An answer before may have ended the connection, and goes out still.
  if (socket.writable) socket.end(message);
  const timer = setTimeout(() => socket.destroy(), MILLISECONDS).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function refusal(message: string, status: number): RegistryError {
  return new RegistryError('UNSUPPORTED', message, { status });
}

function bytesRead(socket: Duplex): number {
  return socket instanceof Socket ? socket.bytesRead : 0;
}
