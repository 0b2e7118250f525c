import { expect } from 'chai';
import fc from 'fast-check';
import { BlobNames } from '../src/blob-names.ts';

const key = fc
  .array(
    fc.string({ unit: fc.constantFrom('-', '.', '0', 'A', '_', 'z', '~'), minLength: 1, maxLength: 5 }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((segments) => segments.join('/'));

describe('names of blobs', () => {
  const names = new BlobNames('');

  it('are the keys, as a rule', () => {
    const usual = `repos/library~alpine/tags/v1.2.3-rc.1_x`;
    expect(names.nameOf(usual)).to.equal(usual);
  });

  it('have no segment that ends with a dot, with or without a prefix', () => {
    for (const [given, name] of [
      ['tags/v1.', 'tags/v1.!'],
      ['...', '.!.!.!'],
      ['..a/b..', '.!.a/b.!.!'],
    ] as const) {
      expect(names.nameOf(given)).to.equal(name);
      expect(new BlobNames('my./x/').nameOf(given)).to.equal(`my.!/x/${name}`);
    }
    fc.assert(fc.property(key, (one) => !/\.(?:\/|$)/.test(names.nameOf(one))));
  });

  it('tell the keys', () => {
    const prefixed = new BlobNames('my./x/');
    fc.assert(fc.property(key, (one) => prefixed.keyOf(prefixed.nameOf(one)) === one));
  });

  it('come in the order of keys', () => {
    const less = (a: string, b: string): boolean => a < b;
    fc.assert(fc.property(key, key, (a, b) => less(a, b) === less(names.nameOf(a), names.nameOf(b))));
  });

  it('begin as keys do', () => {
    fc.assert(
      fc.property(key, key, fc.nat(10), (a, b, length) => {
        const prefix = b.slice(0, length);
        return a.startsWith(prefix) === names.nameOf(a).startsWith(names.prefixOf(prefix));
      }),
    );
  });
});
