import { isStorageError, type JsonValue } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { limits, partSizeAt } from '../src/part-size.ts';
import { blockIds, decodeState, encodeState, newNonce, newUpload } from '../src/upload-state.ts';

const MiB = 1024 ** 2;
const TiB = 1024 ** 4;

function isUnknown(state: JsonValue, parts: number): boolean {
  try {
    decodeState({ state, parts });
    return false;
  } catch (error) {
    return isStorageError(error, 'UPLOAD_UNKNOWN');
  }
}

describe('the state of an upload to Azure', () => {
  it('comes back from JSON as it was', () => {
    const state = { ...newUpload(), nonces: [newNonce(), newNonce(), newNonce()] };
    const encoded = encodeState(state);
    expect(JSON.parse(JSON.stringify(encoded))).to.deep.equal(encoded);
    expect(decodeState({ state: encoded, parts: 3 })).to.deep.equal(state);
  });

  it('stays below 320 KB for all the blocks there can be, whose ids are of one length that Azure allows', () => {
    const nonces = Array.from({ length: limits.blocks }, () => newNonce());
    const state = { ...newUpload(), nonces };
    expect(JSON.stringify(encodeState(state)).length).to.be.below(320_000);
    const lengths = new Set(blockIds(state).map((id) => Buffer.from(id, 'base64').length));
    expect([...lengths]).to.deep.equal([33]);
    expect(new Set(blockIds(state))).to.have.lengthOf(limits.blocks);
  });

  it('is unknown when it is of another driver, of another number of parts, or older than any upload may be', () => {
    const fresh = newUpload();
    for (const foreign of [
      null,
      'x',
      1,
      {},
      { file: 'x' },
      { ...fieldsOf(fresh), nonces: 'abc' },
      { ...fieldsOf(fresh), id: '../x' },
    ]) {
      expect(isUnknown(foreign, 0), JSON.stringify(foreign)).to.equal(true);
    }
    expect(isUnknown(encodeState(fresh), 1)).to.equal(true);
    const old = { ...fresh, begun: Date.now() - 31 * 24 * 3600 * 1000 };
    expect(isUnknown(encodeState(old), 0)).to.equal(true);
    expect(isUnknown(encodeState(fresh), 0)).to.equal(false);
  });
});

describe('the parts of an upload to Azure', () => {
  /** Bytes that an upload has when it has as many blocks as there can be, but for the last. */
  const most = (smallest: number): { offset: number; part: number } => {
    let offset = 0;
    for (let block = 1; block < limits.blocks; block += 1) offset += partSizeAt(offset, smallest);
    return { offset, part: partSizeAt(offset, smallest) };
  };

  it('grow so that 50,000 blocks hold more than 12 TiB, or 2 TiB in the smallest parts', () => {
    expect(most(8 * MiB).offset).to.be.above(12 * TiB);
    expect(most(MiB).offset).to.be.above(2 * TiB);
    expect(most(1024 * MiB).part).to.be.at.most(limits.largestBlock);
  });

  it('stay as small as they begin for the first 8000, and below 16 MiB up to 120 GiB', () => {
    expect(partSizeAt(8000 * 8 * MiB, 8 * MiB)).to.equal(8 * MiB);
    expect(partSizeAt(8000 * 8 * MiB + 1, 8 * MiB)).to.equal(9 * MiB);
    expect(partSizeAt(120 * 1024 * MiB, 8 * MiB)).to.be.at.most(16 * MiB);
  });
});

function fieldsOf(state: ReturnType<typeof newUpload>): { id: string; begun: number; nonces: string } {
  return { id: state.id, begun: state.begun, nonces: '' };
}
