import { isStorageKey } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { ObjectNames } from '../src/object-names.ts';

describe('names of objects', () => {
  const names = new ObjectNames('some/folder/');

  it('are the keys, after the prefix', () => {
    expect(names.nameOf('a/b')).to.equal('some/folder/a/b');
    expect(names.keyOf('some/folder/a/b')).to.equal('a/b');
  });

  it('put parts where no key is, and before every place where a list of keys can begin', () => {
    const part = `${names.partsOf('id')}00000-x`;
    expect(isStorageKey(names.keyOf(part))).to.equal(false);
    const first = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter(isStorageKey);
    for (const key of ['', ...first, 'a/b']) expect(part < names.offsetOf(key)).to.equal(true);
    for (const key of first) expect(names.nameOf(key) >= names.offsetOf('')).to.equal(true);
  });
});
