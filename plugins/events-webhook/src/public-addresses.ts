import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { DeliveryError } from '@entrepot/plugin-sdk/events';
import { Networks } from '@entrepot/plugin-sdk/access';

/** Networks that are not of the internet (IANA's special-purpose registries): nobody's webhook is there by mistake. */
const privateNetworks = new Networks([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]);

/** Whether nothing of the internet has this address. */
export function isPrivate(address: string): boolean {
  return privateNetworks.has(address);
}

type Resolve = (
  hostname: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves names for connections, and refuses private addresses: the address that is connected to is the very one that
 * was looked at, so a name that resolves to another one a moment later gains nothing.
 */
export function publicLookup(resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, '', 0);
        return;
      }
      const allowed = addresses.filter(({ address }) => !isPrivate(address));
      const [first] = allowed;
      if (first === undefined) done(refusal(hostname), '', 0);
      else if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}

/** Names that are addresses are connected to without being resolved. @throws DeliveryError for a private one. */
export function refusePrivate(hostname: string): void {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 && isPrivate(address)) throw refusal(hostname);
}

function refusal(hostname: string): DeliveryError {
  const message = `${hostname} has a private address; allow it with allowPrivateAddresses, if it is meant`;
  return new DeliveryError('unavailable', message);
}
