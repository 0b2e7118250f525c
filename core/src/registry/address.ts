import type { AddressInfo } from 'node:net';

/** Where a registry listens. */
export interface RegistryAddress {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:5000`, with `https` when there is TLS, without a slash at the end. */
  readonly url: string;
}

export function addressOf(scheme: 'http' | 'https', { address, family, port }: AddressInfo): RegistryAddress {
  return { host: address, port, url: `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}` };
}
