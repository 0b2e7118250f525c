import type { Logger } from '@entrepot/plugin-sdk';
import type { RequestContext } from '../http/request-context.ts';

export interface AccessLogSettings {
  readonly access: boolean;
  readonly accessFormat: 'fields' | 'combined';
  readonly pullShare: number;
}

/** One line for each request, or for a share of those that go well and change nothing. */
export class AccessLog {
  readonly #settings: AccessLogSettings;
  readonly #log: Logger;
  /** What has come together of the next pull that gets a line: one is written whenever it is whole. */
  #due: number;

  constructor(settings: AccessLogSettings, log: Logger) {
    this.#settings = settings;
    // The first one gets a line, unless none does.
    this.#due = settings.pullShare === 0 ? 0 : 1 - settings.pullShare;
    this.#log = log;
  }

  write(context: RequestContext, milliseconds: number): void {
    const { access, accessFormat } = this.#settings;
    if (!access || !this.#gets(context)) return;
    const { requestId, method, route, status, sentBytes, digest, identity, address } = context;
    if (accessFormat === 'combined') {
      this.#log.info(
        { reqId: requestId, ms: milliseconds, combined: combined(context, new Date()) },
        'request',
      );
      return;
    }
    this.#log.info(
      {
        reqId: requestId,
        method,
        endpoint: route?.endpoint ?? 'unknown',
        repository: route !== undefined && 'repository' in route ? route.repository : undefined,
        digest,
        status,
        bytes: sentBytes,
        ms: milliseconds,
        address,
        actor: identity?.subject,
      },
      'request',
    );
  }

  /** Pulls that went well are many and alike. Which of them get a line is no matter of chance, only of their number. */
  #gets({ method, status }: RequestContext): boolean {
    const { pullShare } = this.#settings;
    if (pullShare === 1 || status >= 400 || (method !== 'GET' && method !== 'HEAD')) return true;
    this.#due += pullShare;
    if (this.#due < 1) return false;
    this.#due -= 1;
    return true;
  }
}

/**
 * The line that Apache calls combined. Paths are without their query, and the id of an upload, which lets its owner go
 * on with it, is left out.
 */
export function combined(
  { request, method, route, status, sentBytes, identity, address }: RequestContext,
  at: Date,
): string {
  const [path = ''] = (request.url ?? '').split('?', 1);
  const shown = route?.endpoint === 'upload' ? `/v2/${route.repository}/blobs/uploads/-` : path;
  const { referer = '-', 'user-agent': userAgent = '-' } = request.headers;
  const [from = ''] = referer.split('?', 1);
  const user = identity === undefined ? '-' : encodeURIComponent(identity.subject);
  return (
    `${address || '-'} - ${user} [${stamp(at)}] "${method} ${quoted(shown)} HTTP/${request.httpVersion}" ` +
    `${status} ${sentBytes === 0 ? '-' : sentBytes} "${quoted(from)}" "${quoted(userAgent)}"`
  );
}

/** `25/Nov/2026:10:54:57 +0000` */
function stamp(at: Date): string {
  const [, day, month, year, time] = /, (\d\d) (\w{3}) (\d{4}) ([\d:]{8})/.exec(at.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}

/** What clients write must not end the quotes, nor the line. */
function quoted(text: string): string {
  return text.replace(/[^ -~]|["\\]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
