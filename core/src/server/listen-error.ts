import { messageOf } from '../error-message.ts';

/** What hinders a server to listen, in words that say what to do. */
export function listenError(cause: unknown, host: string, port: number): Error {
  return new Error(listenMessage(cause, host, port), { cause });
}

function listenMessage(cause: unknown, host: string, port: number): string {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use; stop what uses it, or choose another with --port or http.port`;
    case 'EACCES':
      return `listening on port ${port} is not permitted; choose one above 1023 with --port or http.port`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine; correct --host or http.host`;
    default:
      return `cannot listen on ${host}:${port}: ${messageOf(cause)}`;
  }
}
