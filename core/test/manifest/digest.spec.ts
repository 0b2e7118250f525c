import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { digestOf, finishDigest, isAlgorithm, isDigest, splitDigest } from '../../src/digest.ts';

const [hex64, hex128] = ['0123456789abcdef'.repeat(4), '0123456789abcdef'.repeat(8)];

describe('A digest', () => {
  it('is an algorithm that is known and as many small hex digits as it has', () => {
    for (const text of [`sha256:${hex64}`, `sha512:${hex128}`]) expect(isDigest(text), text).to.equal(true);
    for (const text of [
      '',
      ':',
      hex64,
      `:${hex64}`,
      'sha256',
      'sha256:',
      `sha256:${hex64.slice(1)}`,
      `sha256:${hex64}0`,
      `sha256:${hex128}`,
      `sha512:${hex64}`,
      `sha256:${hex64.toUpperCase()}`,
      `SHA256:${hex64}`,
      `sha256:${hex64.slice(1)}g`,
      `sha256:${hex64.slice(1)}\n`,
      `sha256:${hex64.slice(3)}../`,
      `md5:${'0'.repeat(32)}`,
      `sha384:${'0'.repeat(96)}`,
      `constructor:${hex64}`,
      `sha256:sha256:${hex64}`,
      ` sha256:${hex64}`,
    ]) {
      expect(isDigest(text), text).to.equal(false);
    }
  });

  it('is taken of bytes, all at once or as they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array(), { maxLength: 5 }),
        fc.constantFrom('sha256', 'sha512'),
        (chunks, algorithm) => {
          const hash = createHash(algorithm);
          for (const chunk of chunks) hash.update(chunk);
          const digest = digestOf(Buffer.concat(chunks), algorithm);
          expect(finishDigest(hash, algorithm)).to.equal(digest);
          expect(isDigest(digest)).to.equal(true);
          expect(splitDigest(digest)).to.deep.equal({ algorithm, hex: digest.slice(7) });
        },
      ),
    );
    expect(digestOf(new Uint8Array())).to.equal(
      'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  it('is split only if it is one of an algorithm that is known', () => {
    for (const text of ['md5:0', '', 'sha256']) expect(() => splitDigest(text)).to.throw(TypeError);
    expect(['sha256', 'sha512', 'md5', 'constructor', ''].map(isAlgorithm)).to.deep.equal([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
