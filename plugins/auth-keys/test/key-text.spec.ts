import { expect } from 'chai';
import { hashOf, idOf, isMeantAsKey, KEY_ID, newKey } from '../src/key-text.ts';

describe('The text of a key', () => {
  it('is one word to every shell, URL and editor, and known by its beginning', () => {
    const { id, text } = newKey();
    expect(text).to.match(/^entrepot_[0-9a-z]{12}_[0-9a-zA-Z]{38}$/);
    expect(id).to.match(KEY_ID);
    expect(isMeantAsKey(text)).to.equal(true);
    expect(isMeantAsKey('wonderland')).to.equal(false);
  });

  it('has its id in it', () => {
    const { id, text } = newKey();
    expect(idOf(text)).to.equal(id);
  });

  it('is another each time', () => {
    const texts = Array.from({ length: 100 }, () => newKey().text);
    expect(new Set(texts).size).to.equal(100);
    expect(new Set(texts.map((text) => hashOf(text).toString('hex'))).size).to.equal(100);
  });

  it('is known to be mistyped', () => {
    const { text } = newKey();
    for (let at = 9; at < text.length; at += 1) {
      const letter = text[at] === '0' ? '1' : '0';
      expect(idOf(text.slice(0, at) + letter + text.slice(at + 1)), `${at}`).to.equal(undefined);
    }
    for (const wrong of ['', 'entrepot_', `${text} `, ` ${text}`, text.slice(0, -1), `${text}0`, `${text}\n`])
      expect(idOf(wrong), JSON.stringify(wrong)).to.equal(undefined);
  });

  it('has a checksum that others can compute: CRC-32 in base 62', () => {
    // Computed with another program, from `zlib.crc32` of the 54 characters before it.
    expect(idOf('entrepot_000000000000_000000000000000000000000000000001aNDB7')).to.equal('000000000000');
  });
});
