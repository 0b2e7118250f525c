import { messageOf } from '../error-message.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
  /** What an operator changes to have another port; `--port or http.port` when it is left out. */
  readonly setting?: string;
}

/** What hinders a server to listen, in words that say what to do. */
export function listenError(cause: unknown, place: Place): Error {
  return new Error(listenMessage(cause, place), { cause });
}

function listenMessage(cause: unknown, { host, port, setting = '--port or http.port' }: Place): string {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use; stop what uses it, or choose another with ${setting}`;
    case 'EACCES':
      return `listening on port ${port} is not permitted; choose one above 1023 with ${setting}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine; correct --host or http.host`;
    default:
      return `cannot listen on ${host}:${port}: ${messageOf(cause)}`;
  }
}
