import { expect } from 'chai';
import fc from 'fast-check';
import { isRegistryError, type ByteRange } from '@entrepot/plugin-sdk';
import { parseRange } from '../../src/http/range.ts';
import { anyText } from '../../../plugin-sdk/test/any-text.ts';

/** What is to be sent: a part, all, or a refusal. */
function rangeOf(header: string | undefined, size: number): ByteRange | 'all' | 416 {
  try {
    return parseRange(header, size) ?? 'all';
  } catch (error) {
    if (!isRegistryError(error)) throw error;
    expect(error.status).to.equal(416);
    expect(error.headers).to.deep.equal({ 'content-range': `bytes */${size}` });
    return 416;
  }
}

describe('parseRange', () => {
  it('reads first and last byte, first byte to the end, and the last bytes', () => {
    const cases: readonly [header: string, range: ByteRange | 'all' | 416][] = [
      ['bytes=0-0', { start: 0, end: 1 }],
      ['bytes=2-4', { start: 2, end: 5 }],
      ['bytes=2-', { start: 2, end: 10 }],
      ['bytes=9-', { start: 9, end: 10 }],
      ['bytes=9-99', { start: 9, end: 10 }],
      ['bytes=-3', { start: 7, end: 10 }],
      ['bytes=-10', { start: 0, end: 10 }],
      ['bytes=-99', { start: 0, end: 10 }],
      ['bytes=10-', 416],
      ['bytes=10-12', 416],
      ['bytes=5-4', 416],
      ['bytes=-0', 416],
      ['bytes=0-1,3-4', 'all'],
      ['bytes=-', 'all'],
      ['bytes=', 'all'],
      ['items=0-1', 'all'],
      ['', 'all'],
    ];
    for (const [header, range] of cases) expect(rangeOf(header, 10), header).to.deep.equal(range);
    expect(rangeOf(undefined, 10)).to.equal('all');
  });

  it('finds no byte in what is empty', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) expect(rangeOf(header, 0)).to.equal(416);
  });

  it('gives bytes that are there, whatever is asked for', () => {
    const number = fc.oneof(fc.nat(30).map(String), fc.constantFrom('', '9'.repeat(30), '00'));
    const header = fc.oneof(
      fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
      anyText(),
      fc.stringMatching(/^bytes *= *[0-9-]*[ ,0-9-]*$/),
    );
    fc.assert(
      fc.property(header, fc.nat(20), (text, size) => {
        const range = rangeOf(text, size);
        if (typeof range !== 'object') return;
        expect(range.start).to.be.within(0, size - 1);
        expect(range.end).to.be.within(range.start + 1, size);
      }),
      { numRuns: 1000 },
    );
  });

  it('gives the bytes that were asked for', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 20 }), (first, length, size) => {
        const last = first + length;
        const expected = first >= size ? 416 : { start: first, end: Math.min(last + 1, size) };
        expect(rangeOf(`bytes=${first}-${last}`, size)).to.deep.equal(expected);
      }),
    );
  });
});
