import { isStorageError } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { decodeState, encodeState, type UploadState } from '../src/upload-state.ts';

const md5 = (number: number): string => `"${number.toString(16).padStart(32, '0')}"`;

function returned(state: UploadState): UploadState {
  return decodeState({ state: encodeState(state), parts: state.parts.length });
}

describe('the state of an upload', () => {
  it('comes back as it was, whatever etags and checksums the backend gives', () => {
    const state = {
      id: '2~abc=/+ ,',
      mark: 'm',
      parts: [
        { etag: md5(1) },
        { etag: md5(2), crc32: 'AAECAw==' },
        { etag: '"odd, etag=1 2"' },
        { etag: 'bare', crc32: '+/+/+w==' },
        { etag: `"${'F'.repeat(32)}"` },
      ],
    };
    expect(returned(state)).to.deep.equal(state);
    expect(returned({ ...state, parts: [] })).to.deep.equal({ ...state, parts: [] });
  });

  it('takes less than 320 KiB for 10,000 parts with checksums', () => {
    const parts = Array.from({ length: 10_000 }, (_, index) => ({ etag: md5(index), crc32: 'AAECAw==' }));
    const state = encodeState({ id: 'i'.repeat(100), mark: 'm'.repeat(16), parts });
    expect(JSON.stringify(state).length).to.be.below(320 * 1024);
    expect(decodeState({ state, parts: 10_000 }).parts).to.deep.equal(parts);
  });

  it('is of one number of parts: anything else is no upload of this driver', () => {
    const state = encodeState({ id: 'i', mark: 'm', parts: [{ etag: md5(1) }] });
    for (const [wrong, parts] of [
      [state, 0],
      [state, 2],
      [null, 0],
      ['i', 0],
      [{ id: 'i', mark: 'm' }, 0],
      [{ id: 1, mark: 'm', parts: '' }, 0],
    ] as const) {
      let error: unknown;
      try {
        decodeState({ state: wrong, parts });
      } catch (thrown) {
        error = thrown;
      }
      expect(isStorageError(error, 'UPLOAD_UNKNOWN'), JSON.stringify(wrong)).to.equal(true);
    }
  });
});
