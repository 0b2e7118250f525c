import { Socket } from 'node:net';
import { expect } from 'chai';
import { certificateOf, parseAlternativeNames } from '../../src/http/client-certificate.ts';

describe('The certificate of a client', () => {
  it('is not there without TLS', () => {
    expect(certificateOf(new Socket())).to.equal(undefined);
  });
});

describe('Alternative names', () => {
  const cases: readonly [text: string, names: readonly string[]][] = [
    ['', []],
    ['DNS:a.example', ['DNS a.example']],
    [
      'DNS:a.example, IP Address:127.0.0.1, email:a@b',
      ['DNS a.example', 'IP Address 127.0.0.1', 'email a@b'],
    ],
    ['URI:http://a/b?c:d', ['URI http://a/b?c:d']],
    ['DNS:"a.example, DNS:b.example", email:x@y', ['DNS a.example, DNS:b.example', 'email x@y']],
    ['DNS:"a\\"b"', ['DNS a"b']],
    // Of what cannot be read, nothing is believed.
    ['DNS:a.example,DNS:b.example', []],
    ['DNS:"a.example', []],
    ['DNS:a.example, nonsense', []],
    ['DNS:"a"b', []],
    ['DNS:"\\x"', []],
  ];
  for (const [text, names] of cases) {
    it(`are ${names.length === 0 ? 'none' : names.join(' and ')} in '${text}'`, () => {
      expect(parseAlternativeNames(text).map(({ type, value }) => `${type} ${value}`)).to.deep.equal(names);
    });
  }
});
