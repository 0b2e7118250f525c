import { expect } from 'chai';
import { Networks } from '@entrepot/plugin-sdk/access';

describe('Networks', () => {
  it('have the addresses in them, of both kinds, and IPv4 also where it is written as IPv6', () => {
    const networks = new Networks(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1', '192.0.2.7'])
      expect(networks.has(address), address).to.equal(true);
    for (const address of [
      '11.0.0.1',
      '::ffff:11.0.0.1',
      '2001:db9::1',
      '192.0.2.8',
      'fe80::1%eth0',
      '',
      'x',
    ])
      expect(networks.has(address), address).to.equal(false);
  });

  it('of link-local addresses do without the zone', () => {
    expect(new Networks(['fe80::/10']).has('fe80::1%eth0')).to.equal(true);
  });

  it('name all that are none', () => {
    expect(
      () => new Networks(['10.0.0.0/33', '10.0.0.0/8', 'localhost', '1.2.3.4/8/9', 'fd00::/129']),
    ).to.throw("'10.0.0.0/33', 'localhost', '1.2.3.4/8/9', 'fd00::/129' is no network");
  });
});
