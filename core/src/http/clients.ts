import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { OptionsError, type Client, type ClientCertificate } from '@entrepot/plugin-sdk';
import { Networks } from '@entrepot/plugin-sdk/access';
import { messageOf } from '../error-message.ts';
import { certificateOf } from './client-certificate.ts';

export interface ProxySettings {
  /** Networks and addresses. */
  readonly trustedProxies: readonly string[];
  readonly forwardedHeader: 'X-Forwarded-For' | 'Forwarded';
}

const REQUEST_ID = /^[A-Za-z0-9._:+/=-]{1,128}$/;
/** What stands in for a hop in `Forwarded` (RFC 7239, 4): `for="[2001:db8::1]:4711"`. */
const FORWARDED_FOR = /(?:^|;)\s*for=(?:"([^"\\]*)"|([^\s;,"]+))\s*(?:;|$)/i;
/** An address with a port, as some proxies write them. */
const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/** Who requests come from: who has connected, or behind proxies that are trusted, who they say has. */
export class Clients {
  readonly #proxies: Networks | undefined;
  readonly #header: string;

  /** @throws OptionsError when a network is none. */
  constructor({ trustedProxies, forwardedHeader }: ProxySettings) {
    this.#header = forwardedHeader.toLowerCase();
    if (trustedProxies.length === 0) return;
    try {
      this.#proxies = new Networks(trustedProxies);
    } catch (error) {
      throw new OptionsError([`config: http.trustedProxies: ${messageOf(error)}`]);
    }
  }

  /** Whether a proxy that is trusted has sent the request, so that what it says of it is believed. */
  isForwarded({ socket }: IncomingMessage): boolean {
    return this.#proxies !== undefined && this.#proxies.has(socket.remoteAddress ?? '');
  }

  /**
   * The address of the client. Each proxy adds at the end who has connected to it: from there on, the first address that
   * is no trusted proxy's is the client's, and what stands before that anybody may have written. At a hop that is no
   * address, the last one that was is taken.
   */
  addressOf(request: IncomingMessage): string {
    let address = request.socket.remoteAddress ?? '';
    if (this.#proxies?.has(address) !== true) return address;
    const given = request.headers[this.#header];
    let end = typeof given === 'string' ? given.length : -1;
    while (typeof given === 'string' && end >= 0 && this.#proxies.has(address)) {
      const comma = end === 0 ? -1 : given.lastIndexOf(',', end - 1);
      const hop = this.#addressIn(given.slice(comma + 1, end).trim());
      if (hop === undefined) break;
      address = hop;
      end = comma;
    }
    return address;
  }

  /** What the client has shown of itself. The certificate that a proxy shows is its own, and says nothing of clients. */
  certificateOf(request: IncomingMessage): ClientCertificate | undefined {
    return this.isForwarded(request) ? undefined : certificateOf(request.socket);
  }

  /** For who holds the bare request. */
  clientOf(request: IncomingMessage): Client {
    const certificate = this.certificateOf(request);
    return { address: this.addressOf(request), ...(certificate === undefined ? {} : { certificate }) };
  }

  /** The id a trusted proxy has given the request, if it is one. */
  requestIdOf(request: IncomingMessage): string | undefined {
    if (!this.isForwarded(request)) return undefined;
    const given = request.headers['x-request-id'];
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : undefined;
  }

  #addressIn(hop: string): string | undefined {
    const written = this.#header === 'forwarded' ? forIn(hop) : hop;
    const [, v6, v4] = WITH_PORT.exec(written) ?? [];
    const address = v6 ?? v4 ?? written;
    return isIP(address) === 0 ? undefined : address;
  }
}

/** For requests that come over no proxy. */
export const directClients = new Clients({ trustedProxies: [], forwardedHeader: 'X-Forwarded-For' });

function forIn(hop: string): string {
  const [, quoted, plain] = FORWARDED_FOR.exec(hop) ?? [];
  return quoted ?? plain ?? '';
}
