import { expect } from 'chai';
import { GuessLimit, networkOf } from '@entrepot/plugin-sdk/access';

describe('A limit of guesses', () => {
  let now = 0;
  const limitOf = (guesses: number): GuessLimit => new GuessLimit(guesses, 60_000, () => now);
  beforeEach(() => {
    now = 1000;
  });

  it('gives so many in a window, and says how long it lasts to who comes later', () => {
    const limit = limitOf(2);
    expect([limit.take('a'), limit.take('a')]).to.deep.equal([undefined, undefined]);
    now += 10_000;
    expect(limit.take('a')).to.equal(50_000);
    expect(limit.take('b')).to.equal(undefined);
    now += 50_000;
    expect([limit.take('a'), limit.take('a'), limit.take('a')]).to.deep.equal([undefined, undefined, 60_000]);
  });

  it('gives back what was no guess', () => {
    const limit = limitOf(1);
    limit.take('a');
    limit.giveBack('a');
    limit.giveBack('a');
    limit.giveBack('never seen');
    expect([limit.take('a'), limit.take('a')]).to.deep.equal([undefined, 60_000]);
  });

  it('is none when it is 0', () => {
    const limit = limitOf(0);
    for (let guess = 0; guess < 100; guess += 1) expect(limit.take('a')).to.equal(undefined);
  });

  it('counts a bounded number of keys, and forgets the one that was begun first', () => {
    const limit = limitOf(1);
    for (let key = 0; key < 20_001; key += 1) limit.take(String(key));
    expect(limit.take('20000')).to.equal(60_000);
    expect(limit.take('1')).to.equal(60_000);
    expect(limit.take('0')).to.equal(undefined);
  });
});

describe('The network of an address', () => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ] as const) {
    it(`of '${address}' is '${network}'`, () => {
      expect(networkOf(address)).to.equal(network);
    });
  }
});
