import type { Worker } from 'node:cluster';

interface Closable {
  close(): void;
}

/**
 * Closes connections that were on their way to a worker when it died. Node's cluster forgets those that it has dealt
 * to a worker and that the worker has not said to have taken (nodejs/node-v0.x-archive#7006): they would stay open, and
 * their clients wait for ever instead of trying again.
 *
 * How cluster talks to its workers is not documented: `newconn` with a number and the connection, and the number again
 * in an `ack`. Should that change in some version of Node, nothing is closed here, and a test of lost workers fails.
 */
export function closeLostConnections({ process: child }: Worker): void {
  const dealt = new Map<unknown, Closable>();
  const send: unknown = Reflect.get(child, 'send');
  if (typeof send !== 'function') return;
  Reflect.set(child, 'send', (...parameters: unknown[]): unknown => {
    const [message, handle] = parameters;
    if (isInternal(message) && message['act'] === 'newconn' && isClosable(handle))
      dealt.set(message['seq'], handle);
    const isRoomForMore: unknown = Reflect.apply(send, child, parameters);
    return isRoomForMore;
  });
  child.on('internalMessage', (message: unknown) => {
    if (isInternal(message)) dealt.delete(message['ack']);
  });
  // Both the process and its channel have ended: whatever it had to say has been heard.
  child.once('close', () => {
    for (const handle of dealt.values()) handle.close();
  });
}

function isInternal(message: unknown): message is Readonly<Record<string, unknown>> {
  return (
    typeof message === 'object' && message !== null && 'cmd' in message && message.cmd === 'NODE_CLUSTER'
  );
}

function isClosable(handle: unknown): handle is Closable {
  return (
    typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function'
  );
}
