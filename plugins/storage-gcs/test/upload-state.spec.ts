import { isStorageError, type JsonValue } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { largestObject, partSizeAt } from '../src/part-size.ts';
import { decodeState, encodeState, newNonce, newUpload, partNames } from '../src/upload-state.ts';

const MiB = 1024 ** 2;

function isUnknown(state: JsonValue, parts: number): boolean {
  try {
    decodeState({ state, parts });
    return false;
  } catch (error) {
    return isStorageError(error, 'UPLOAD_UNKNOWN');
  }
}

/** How many parts an object of so many bytes has, and how long the last one is. */
function partsOf(bytes: number, smallest: number): { count: number; longest: number } {
  let count = 0;
  let longest = 0;
  for (let offset = 0; offset < bytes; offset += longest) {
    longest = partSizeAt(offset, smallest);
    count += 1;
  }
  return { count, longest };
}

describe('the state of an upload to Google', () => {
  it('comes back from JSON as it was', () => {
    const state = { ...newUpload(), nonces: [newNonce(), newNonce(), newNonce()] };
    const encoded = encodeState(state);
    expect(JSON.parse(JSON.stringify(encoded))).to.deep.equal(encoded);
    expect(decodeState({ state: encoded, parts: 3 })).to.deep.equal(state);
  });

  it('stays below 64 KB for the largest object there can be', () => {
    const { count } = partsOf(largestObject, 8 * MiB);
    const nonces = Array.from({ length: count }, () => newNonce());
    expect(JSON.stringify(encodeState({ ...newUpload(), nonces })).length).to.be.below(64_000);
  });

  it('names each part, in order, and each attempt at it differently', () => {
    const nonces = Array.from({ length: 12_000 }, () => newNonce());
    const names = partNames({ ...newUpload(), nonces });
    expect(names.toSorted()).to.deep.equal(names);
    expect(new Set(nonces)).to.have.lengthOf(nonces.length);
  });

  it('is unknown when it is of another driver, of another number of parts, or older than any upload may be', () => {
    const fresh = newUpload();
    const fields = { id: fresh.id, begun: fresh.begun, nonces: '' };
    for (const foreign of [
      null,
      'x',
      1,
      {},
      { file: 'x' },
      { ...fields, nonces: 'abc' },
      { ...fields, id: '../x' },
    ]) {
      expect(isUnknown(foreign, 0), JSON.stringify(foreign)).to.equal(true);
    }
    expect(isUnknown(encodeState(fresh), 1)).to.equal(true);
    expect(isUnknown(encodeState({ ...fresh, begun: Date.now() - 31 * 24 * 3600 * 1000 }), 0)).to.equal(true);
    expect(isUnknown(encodeState(fresh), 0)).to.equal(false);
  });
});

describe('the parts of an upload to Google', () => {
  it('are no more than 10,000 for 5 TiB, whose last ones are 4.3 GiB', () => {
    const { count, longest } = partsOf(largestObject, 8 * MiB);
    expect(count).to.be.below(10_000);
    expect(longest).to.be.below(4.4 * 1024 * MiB);
  });

  it('are about 4300 for 120 GiB, and about 100 MiB long in the end', () => {
    const { count, longest } = partsOf(120 * 1024 * MiB, 8 * MiB);
    expect(count).to.be.within(4000, 4500);
    expect(longest).to.be.within(100 * MiB, 105 * MiB);
  });
});
