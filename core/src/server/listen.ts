import type { AddressInfo, Server } from 'node:net';
import { listenError } from './listen-error.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** What an operator changes to have another port. */
  readonly setting: string;
  /** Called with what goes wrong with the server later. */
  readonly onError: (error: Error) => void;
}

/**
 * Begins to listen.
 * @throws Error that says what to do when the address cannot be had.
 */
export async function listen(
  server: Server,
  { host, port, setting, onError }: ListenOptions,
): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error): void => {
      reject(listenError(error, { host, port, setting }));
    };
    server.once('error', refuse).listen({ host, port }, () => {
      server.off('error', refuse).on('error', onError);
      resolve();
    });
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no address');
  return address;
}
