import { expect } from 'chai';
import { BackOff } from '../../src/workers/back-off.ts';

describe('A worker that ends', () => {
  /** The delays before its replacements, when each serves as many milliseconds; up to `most`. */
  function delays(backOff: BackOff, served: number, most = 100): number[] {
    const found: number[] = [];
    for (
      let delay = backOff.next(served);
      delay !== undefined && found.length < most;
      delay = backOff.next(served)
    )
      found.push(delay);
    return found;
  }

  it('is replaced at once, then ever later, and after ten early ends no more', () => {
    expect(delays(new BackOff(), 0)).to.deep.equal([
      0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000,
    ]);
  });

  it('is replaced at once, and always, when it has lived long', () => {
    expect(delays(new BackOff(), 10_000, 50)).to.deep.equal(Array(50).fill(0));
  });

  it('has its early ends forgotten after a long life', () => {
    const backOff = new BackOff();
    for (let ends = 0; ends < 9; ends += 1) backOff.next(9999);
    expect(backOff.next(10_000)).to.equal(0);
    expect(delays(backOff, 0)).to.have.lengthOf(9);
  });
});
