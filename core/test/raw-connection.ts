import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection that says exactly what it is told, for what HTTP clients would not send. */
export interface RawConnection {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything that was received, once the other side has closed. */
  readonly received: Promise<string>;
  /** Resolves with what was received so far once it contains `text`. */
  until(text: string): Promise<string>;
}

export async function openConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let soFar = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    soFar += text;
  });
  await once(socket, 'connect');
  socket.on('error', () => undefined); // A reset is one of the ways in which the other side closes.
  return {
    socket,
    send: (text) => void socket.write(text),
    received: once(socket, 'close').then(() => soFar),
    async until(text) {
      while (!soFar.includes(text)) await once(socket, 'data');
      return soFar;
    },
  };
}
