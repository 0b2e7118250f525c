import { on, once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** LDAPMessage 1, ExtendedRequest `1.3.6.1.4.1.1466.20037` (RFC 4511 sections 4.12 and 4.14.1). */
const REQUEST = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037'),
]);
/** An answer has a few dozen bytes and a sentence. */
const MAX_BYTES = 4096;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * A connection on which both sides are about to begin TLS. Nothing but the one answer may have come before: what somebody
 * on the way puts behind it would be taken for the directory's word otherwise.
 * @throws Error when there is none within so many milliseconds, or the directory does not want it.
 */
export async function startTls({ host, port }: Address, milliseconds: number): Promise<Socket> {
  const socket = connect({ host, port });
  const signal = AbortSignal.timeout(milliseconds);
  try {
    await once(socket, 'connect', { signal });
    socket.write(REQUEST);
    let answer = Buffer.alloc(0);
    const chunks: AsyncIterable<readonly unknown[]> = on(socket, 'data', { signal, close: ['close'] });
    for await (const [chunk] of chunks) {
      if (!Buffer.isBuffer(chunk) || answer.length + chunk.length > MAX_BYTES) break;
      answer = Buffer.concat([answer, chunk]);
      if (isWhole(answer)) break;
    }
    if (resultOf(answer) !== 0) throw new Error('the directory does not want StartTLS');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Whether all of a message is there. @throws Error when there is more than that. */
function isWhole(bytes: Buffer): boolean {
  const message = elementAt(bytes, 0);
  if (message === undefined) return false;
  if (bytes.length > message.end) throw new Error('the directory says more than the answer to StartTLS');
  return bytes.length === message.end;
}

/** The resultCode of the ExtendedResponse. @throws Error when it is none. */
function resultOf(bytes: Buffer): number {
  const message = elementAt(bytes, 0);
  const id = message && elementAt(bytes, message.start);
  const response = id && elementAt(bytes, id.end);
  const code = response?.tag === 0x78 ? elementAt(bytes, response.start) : undefined;
  const result = code?.tag === 0x0a && code.end === code.start + 1 ? bytes[code.start] : undefined;
  if (result === undefined) throw new Error('the answer to StartTLS is none');
  return result;
}

interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** An element in BER, its length in the short or the long form; undefined when its head is not there yet. */
function elementAt(bytes: Buffer, offset: number): Element | undefined {
  const [tag, first] = [bytes[offset], bytes[offset + 1]];
  if (tag === undefined || first === undefined) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (more > 4 || bytes.length < offset + 2 + more) return undefined;
  const start = offset + 2 + more;
  const length = more === 0 ? first : bytes.readUIntBE(offset + 2, more);
  return { tag, start, end: start + length };
}
