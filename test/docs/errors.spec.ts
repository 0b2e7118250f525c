import { errorCodes, type StorageErrorCode } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { codeIn, tableOf } from './markdown.ts';

/** Typed so that a code that joins the contract has to join this list. */
const storageCodes: Readonly<Record<StorageErrorCode, 'code'>> = {
  PRECONDITION_FAILED: 'code',
  UPLOAD_UNKNOWN: 'code',
  NO_SPACE: 'code',
  UNAVAILABLE: 'code',
};

describe('docs/errors.md', () => {
  it('lists the codes clients get, with their statuses and messages', () => {
    const listed = tableOf('docs/errors.md', 'Code', 'Status', 'Message').map(([code, status, message]) => [
      codeIn(code),
      Number(status),
      message,
    ]);
    const there = Object.entries(errorCodes).map(([code, { status, message }]) => [code, status, message]);
    expect(listed).to.deep.equal(there);
  });

  it('lists the codes of storage errors', () => {
    const listed = tableOf('docs/errors.md', 'StorageError code').map(([code]) => codeIn(code));
    expect(listed).to.deep.equal(Object.keys(storageCodes));
  });
});
