import { IncomingMessage, type IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { Clients, type ProxySettings } from '../../src/http/clients.ts';

const proxies = ['127.0.0.1', '10.0.0.0/8', '2001:db8:f::/48'];

function requestFrom(peer: string, headers: IncomingHttpHeaders = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  return Object.assign(new IncomingMessage(socket), { headers });
}

function clients(
  trustedProxies: readonly string[] = proxies,
  forwardedHeader: ProxySettings['forwardedHeader'] = 'X-Forwarded-For',
): Clients {
  return new Clients({ trustedProxies, forwardedHeader });
}

describe('The client of a request', () => {
  const over = (header: string, peer = '127.0.0.1'): string =>
    clients().addressOf(requestFrom(peer, { 'x-forwarded-for': header }));

  it('is who has connected, as long as no proxy is trusted', () => {
    const request = requestFrom('127.0.0.1', { 'x-forwarded-for': '203.0.113.7', 'x-request-id': 'a' });
    expect(clients([]).addressOf(request)).to.equal('127.0.0.1');
    expect(clients([]).requestIdOf(request)).to.equal(undefined);
  });

  it('is who has connected, whatever the headers say, when that is no trusted proxy', () => {
    const request = requestFrom('192.0.2.1', { 'x-forwarded-for': '10.0.0.1', 'x-request-id': 'a' });
    expect(clients().addressOf(request)).to.equal('192.0.2.1');
    expect(clients().requestIdOf(request)).to.equal(undefined);
  });

  it('is who the proxy says has connected to it', () => {
    expect(over('203.0.113.7')).to.equal('203.0.113.7');
    expect(over('203.0.113.7', '::ffff:10.9.9.9')).to.equal('203.0.113.7');
    expect(over('2001:db8::7', '2001:db8:f::1')).to.equal('2001:db8::7');
  });

  it('is the first from the end that is no trusted proxy: what stands before it, the client may have written', () => {
    expect(over('10.0.0.1, 203.0.113.7')).to.equal('203.0.113.7');
    expect(over('198.51.100.1, 203.0.113.7,10.0.0.2 , 10.0.0.3')).to.equal('203.0.113.7');
    expect(over('127.0.0.1, 10.0.0.1, 203.0.113.7')).to.equal('203.0.113.7');
    expect(over('", 10.0.0.1", 203.0.113.7')).to.equal('203.0.113.7');
  });

  it('is the farthest proxy when all hops are trusted', () => {
    expect(over('10.0.0.1, 10.0.0.2')).to.equal('10.0.0.1');
  });

  it('is known with a port as well', () => {
    expect(over('203.0.113.7:4711')).to.equal('203.0.113.7');
    expect(over('[2001:db8::7]:4711')).to.equal('2001:db8::7');
    expect(over('[2001:db8::7]')).to.equal('2001:db8::7');
  });

  for (const broken of [
    '',
    ' ',
    ',',
    'unknown',
    '_hidden',
    '203.0.113.7:x',
    '1.2.3',
    '203.0.113.7 10.0.0.1',
  ]) {
    it(`is the last hop that has an address, when the header says '${broken}'`, () => {
      expect(over(broken)).to.equal('127.0.0.1');
      expect(over(`203.0.113.7, ${broken}, 10.0.0.1`)).to.equal('10.0.0.1');
    });
  }

  it('is read from the one header that is set, for a client may send the other', () => {
    const request = requestFrom('127.0.0.1', {
      'x-forwarded-for': '203.0.113.7',
      forwarded: 'for=198.51.100.1;proto=https',
    });
    expect(clients().addressOf(request)).to.equal('203.0.113.7');
    expect(clients(proxies, 'Forwarded').addressOf(request)).to.equal('198.51.100.1');
  });

  it('is read from Forwarded as RFC 7239 writes it', () => {
    for (const [header, expected] of [
      ['for=203.0.113.7', '203.0.113.7'],
      ['For="[2001:db8::7]:4711"', '2001:db8::7'],
      ['proto=https;for=203.0.113.7;by=10.0.0.1', '203.0.113.7'],
      ['for=198.51.100.1, for=203.0.113.7, for=10.0.0.1', '203.0.113.7'],
      ['for="10.0.0.1, for=203.0.113.7', '203.0.113.7'],
      ['for=unknown', '127.0.0.1'],
      ['for=_hidden', '127.0.0.1'],
      ['by=203.0.113.7', '127.0.0.1'],
      ['xfor=203.0.113.7', '127.0.0.1'],
      ['203.0.113.7', '127.0.0.1'],
    ] as const) {
      const request = requestFrom('127.0.0.1', { forwarded: header });
      expect(clients(proxies, 'Forwarded').addressOf(request), header).to.equal(expected);
    }
  });

  it('brings the id that a trusted proxy has given the request, if it is one', () => {
    const idOf = (id: string): string | undefined =>
      clients().requestIdOf(requestFrom('10.0.0.1', { 'x-request-id': id }));
    for (const id of ['a', 'A.b_c:d+e/f=g-h', 'x'.repeat(128)]) expect(idOf(id)).to.equal(id);
    for (const id of ['', 'a b', 'a\nb', '<a>', 'x'.repeat(129)]) expect(idOf(id)).to.equal(undefined);
  });

  it('is found in a header of many hops without stopping the registry', () => {
    const hops = new Array<string>(4000).fill('10.0.0.1').join(', ');
    expect(over(`203.0.113.7, ${hops}`)).to.equal('203.0.113.7');
  });

  it('cannot be known with networks that are none', () => {
    expect(() => clients(['10.0.0.0/33', '10.0.0.1'])).to.throw(/http\.trustedProxies: '10\.0\.0\.0\/33'/);
  });
});
