import { BlockList, isIP, isIPv6 } from 'node:net';

/** Networks in CIDR notation, or single addresses. */
export class Networks {
  readonly #list = new BlockList();

  /** @throws Error that names all that are no networks. */
  constructor(networks: readonly string[]) {
    const wrong = networks.filter((network) => !this.#add(network));
    if (wrong.length === 0) return;
    const names = wrong.map((network) => `'${network}'`).join(', ');
    throw new Error(`${names} is no network; write it like 10.0.0.0/8 or 2001:db8::/32`);
  }

  has(address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
    return isIP(plain) !== 0 && this.#list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  /** Whether it is one. */
  #add(network: string): boolean {
    const [address = '', length, ...others] = network.split('/');
    const bits = isIPv6(address) ? 128 : 32;
    const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Infinity;
    if (isIP(address) === 0 || prefix > bits || others.length > 0) return false;
    this.#list.addSubnet(address, prefix, isIPv6(address) ? 'ipv6' : 'ipv4');
    return true;
  }
}
