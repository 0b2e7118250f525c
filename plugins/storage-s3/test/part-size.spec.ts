import { expect } from 'chai';
import { limits, partSizeAt } from '../src/part-size.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const TiB = 1024 ** 4;

/** Parts of an object of `size` bytes that is cut exactly as the driver asks, and the longest of them. */
function cut(size: number, smallest: number): { readonly parts: number; readonly longest: number } {
  let [offset, parts, longest] = [0, 0, 0];
  while (offset < size) {
    const part = partSizeAt(offset, smallest);
    longest = Math.max(longest, part);
    offset += part;
    parts += 1;
  }
  return { parts, longest };
}

describe('the size of parts', () => {
  it('is the smallest one up to 1200 of them', () => {
    expect(partSizeAt(0, 8 * MiB)).to.equal(8 * MiB);
    expect(partSizeAt(1200 * 8 * MiB, 8 * MiB)).to.equal(8 * MiB);
    expect(partSizeAt(1200 * 8 * MiB + 1, 8 * MiB)).to.equal(9 * MiB);
  });

  it('makes 640 parts of 5 GiB, and keeps parts below 26 MiB up to 30 GiB', () => {
    expect(cut(5 * GiB, 8 * MiB)).to.deep.equal({ parts: 640, longest: 8 * MiB });
    expect(cut(30 * GiB, 8 * MiB).longest).to.equal(26 * MiB);
  });

  it('makes less than half of the parts there may be of 120 GiB, none of them above 103 MiB', () => {
    const { parts, longest } = cut(120 * GiB, 8 * MiB);
    expect(parts).to.be.below(limits.parts / 2);
    expect(longest).to.equal(103 * MiB);
  });

  for (const smallest of [5 * MiB, 8 * MiB, 64 * MiB, GiB]) {
    it(`fits 5 TiB into 10,000 parts of at most 5 GiB, beginning with ${smallest / MiB} MiB`, () => {
      const { parts, longest } = cut(5 * TiB, smallest);
      expect(parts).to.be.at.most(limits.parts);
      expect(longest).to.be.at.most(limits.largestPart);
    });
  }

  it('is whole MiB, never below what S3 takes, and never shrinks', () => {
    let before = 0;
    for (let offset = 0; offset < 5 * TiB; offset += 7_654_321_987) {
      const size = partSizeAt(offset, limits.smallestPart);
      expect(size % MiB).to.equal(0);
      expect(size).to.be.at.least(Math.max(before, limits.smallestPart));
      before = size;
    }
  });
});
