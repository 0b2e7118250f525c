import { expect } from 'chai';
import { RegistryError, StorageError, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { clientError, errorBody } from '../../src/http/send-error.ts';

describe('What a client sees of an error', () => {
  const table: readonly [thrown: string, code: StorageErrorCode, shown: string, status: number][] = [
    ['an upload that storage has forgotten', 'UPLOAD_UNKNOWN', 'BLOB_UPLOAD_UNKNOWN', 404],
    ['storage that is full', 'NO_SPACE', 'INSUFFICIENT_STORAGE', 507],
    ['storage that is down', 'UNAVAILABLE', 'UNAVAILABLE', 503],
    ['a condition of storage nobody has caught', 'PRECONDITION_FAILED', 'UNAVAILABLE', 503],
  ];
  for (const [title, code, shown, status] of table) {
    it(`of ${title} is ${shown}, ${status}, and nothing of the cause`, () => {
      const cause = new StorageError(code, 'EIO at /secret/path');
      const error = clientError(cause);
      expect(error).to.include({ code: shown, status });
      expect(error.cause).to.equal(cause);
      expect(errorBody(error, 'request')).to.not.include('secret');
      expect(error.headers['retry-after']).to.equal(status === 503 ? '5' : undefined);
    });
  }

  it('of an error that was meant for it is that one', () => {
    const error = new RegistryError('DENIED', 'not today');
    expect(clientError(error)).to.equal(error);
  });

  it('of anything else is UNKNOWN, 500, and nothing of the cause', () => {
    for (const thrown of [
      new TypeError('at /secret/path'),
      'secret',
      undefined,
      null,
      { message: 'secret' },
    ]) {
      const error = clientError(thrown);
      expect(error).to.include({ code: 'UNKNOWN', status: 500 });
      expect(error.cause).to.equal(thrown);
      expect(errorBody(error, 'request')).to.not.include('secret');
    }
  });

  it('is spelled as the spec has it: one entry without details, else one for each', () => {
    const plain = new RegistryError('NAME_INVALID', 'bad name');
    expect(JSON.parse(errorBody(plain, 'id'))).to.deep.equal({
      errors: [{ code: 'NAME_INVALID', message: 'bad name' }],
    });
    const detailed = new RegistryError('MANIFEST_BLOB_UNKNOWN', 'missing', { details: [{ a: 1 }, 'b'] });
    expect(JSON.parse(errorBody(detailed, 'id'))).to.deep.equal({
      errors: [
        { code: 'MANIFEST_BLOB_UNKNOWN', message: 'missing', detail: { a: 1 } },
        { code: 'MANIFEST_BLOB_UNKNOWN', message: 'missing', detail: 'b' },
      ],
    });
  });

  it('names the request instead of details when the fault is ours', () => {
    const fault = new RegistryError('UNKNOWN', undefined, { details: ['internal'] });
    expect(JSON.parse(errorBody(fault, 'request-7'))).to.deep.equal({
      errors: [{ code: 'UNKNOWN', message: fault.message, detail: { requestId: 'request-7' } }],
    });
    expect(errorBody(fault, 'request-7')).to.not.include('"internal"');
  });
});
