import {
  errorCodes,
  isRegistryError,
  isStorageError,
  RegistryError,
  StorageError,
} from '@entrepot/plugin-sdk';
import { expect } from 'chai';

describe('RegistryError', () => {
  it('takes status and message from its code', () => {
    const error = new RegistryError('MANIFEST_UNKNOWN');
    expect(error).to.be.instanceOf(Error);
    expect(error).to.include({
      code: 'MANIFEST_UNKNOWN',
      status: 404,
      message: 'manifest unknown to registry',
    });
    expect(error.details).to.deep.equal([]);
    expect(error.headers).to.deep.equal({});
    expect(error).to.not.have.property('cause');
  });

  it('may say it better, with another status, details, headers and a cause', () => {
    const cause = new Error('disk');
    const error = new RegistryError('BLOB_UPLOAD_INVALID', 'chunks are out of order', {
      status: 416,
      details: [{ expected: 100 }],
      headers: { Range: '0-99' },
      cause,
    });
    expect(error).to.include({ status: 416, message: 'chunks are out of order', cause });
    expect(error.details).to.deep.equal([{ expected: 100 }]);
    expect(error.headers).to.deep.equal({ Range: '0-99' });
  });

  it('has an HTTP status of an error for every code', () => {
    for (const [code, { status, message }] of Object.entries(errorCodes)) {
      expect(status, code).to.be.within(400, 599);
      expect(message, code).to.match(/^[a-z]/);
    }
  });
});

describe('errors of this package', () => {
  it('are known by name and code, also when they come from another copy of it', () => {
    const foreign = Object.assign(new Error('full'), { name: 'StorageError', code: 'NO_SPACE' });
    expect(isStorageError(foreign)).to.equal(true);
    expect(isStorageError(foreign, 'NO_SPACE')).to.equal(true);
    expect(isStorageError(foreign, 'UNAVAILABLE')).to.equal(false);
    const refusal = Object.assign(new Error('no'), { name: 'RegistryError', code: 'DENIED' });
    expect(isRegistryError(refusal)).to.equal(true);
  });

  it('are told from each other and from everything else', () => {
    const storage = new StorageError('PRECONDITION_FAILED', 'too late', { cause: 412 });
    expect(storage).to.include({ code: 'PRECONDITION_FAILED', message: 'too late', cause: 412 });
    expect(isStorageError(storage, 'PRECONDITION_FAILED')).to.equal(true);
    expect(isRegistryError(storage)).to.equal(false);
    expect(isStorageError(new RegistryError('DENIED'))).to.equal(false);
    const others = [
      new Error('ENOENT'),
      Object.assign(new Error('ENOENT'), { code: 'ENOENT' }),
      { name: 'StorageError', code: 'NO_SPACE' },
      'NO_SPACE',
      null,
      undefined,
    ];
    for (const other of others) {
      expect(isStorageError(other)).to.equal(false);
      expect(isRegistryError(other)).to.equal(false);
    }
  });
});
