import { expect } from 'chai';
import fc from 'fast-check';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { incomingBytes } from '../../src/api/incoming-bytes.ts';
import { bareRequest } from '../http/bare-request.ts';
import { anyText } from '../../../plugin-sdk/test/any-text.ts';

/** Where the bytes belong and how many there are, as the headers say; or the code of the refusal. */
function readOf(range: string | undefined, length: number | undefined) {
  const { context } = bareRequest({
    ...(range === undefined ? {} : { 'content-range': range }),
    ...(length === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(length) }),
  });
  try {
    const { at, length: expected } = incomingBytes(context);
    return { at, length: expected };
  } catch (error) {
    if (!isRegistryError(error) || error.status !== 400) throw error;
    return error.code;
  }
}

describe('The bytes of an upload', () => {
  it('may come without a word of where they belong and how many they are', () => {
    expect(readOf(undefined, undefined)).to.deep.equal({ at: undefined, length: undefined });
    expect(readOf(undefined, 5)).to.deep.equal({ at: undefined, length: 5 });
  });

  it('are none when neither a length nor a transfer coding is told', () => {
    expect(incomingBytes(bareRequest().context)).to.include({ length: 0 });
    const { context } = bareRequest({ 'content-range': '0-4' });
    expect(() => incomingBytes(context)).to.throw('Content-Range covers 5 bytes');
  });

  it('may say where they belong', () => {
    for (const range of ['0-4', 'bytes 0-4', 'bytes=0-4', '0-4/5', '0-4/*', ' 0-4 ', 'bytes 0-4/100']) {
      expect(readOf(range, undefined), range).to.deep.equal({ at: 0, length: 5 });
      expect(readOf(range, 5), range).to.deep.equal({ at: 0, length: 5 });
    }
    expect(readOf('999999999999990-999999999999999', 10)).to.deep.equal({
      at: 999_999_999_999_990,
      length: 10,
    });
  });

  it('are refused when they contradict themselves, or say what is no range', () => {
    expect(readOf('0-4', 6)).to.equal('SIZE_INVALID');
    expect(readOf('0-4', 0)).to.equal('SIZE_INVALID');
    for (const range of [
      '',
      '0',
      '-4',
      '0-',
      '4-3',
      '1-0',
      'a-b',
      '0-4,5-9',
      '0 - 4',
      '0x0-4',
      '1e1-20',
      '0-4/a',
    ]) {
      expect(readOf(range, undefined), range).to.equal('BLOB_UPLOAD_INVALID');
    }
    expect(readOf(`0-${'9'.repeat(16)}`, undefined)).to.equal('BLOB_UPLOAD_INVALID');
  });

  it('are understood or refused, and never a failure', () => {
    const header = fc.oneof(
      anyText(),
      fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `${first}-${last}`),
    );
    fc.assert(
      fc.property(header, fc.option(fc.nat(), { nil: undefined }), (range, length) => {
        const read = readOf(range, length);
        if (typeof read === 'string') return;
        expect(read.length).to.be.greaterThan(0);
        expect(read.length).to.equal(length ?? read.length);
      }),
    );
  });
});
