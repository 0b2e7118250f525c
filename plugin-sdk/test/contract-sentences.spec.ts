import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { pluginSays } from '../src/conformance/plugin-contract.ts';
import { says } from '../src/conformance/storage-contract.ts';

/** The text of a source file, with line breaks, comment stars and bold marks taken out. */
function prose(file: string): string {
  const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
  return source
    .replaceAll('**', '')
    .replaceAll(/\n\s*(?:\*|\/\/\/?) ?/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

describe('the sentences that failures of the conformance kit quote', () => {
  it('are those of the storage driver contract, word for word', () => {
    const contract = prose('storage.ts');
    expect(Object.values(says).filter((sentence) => !contract.includes(sentence))).to.deep.equal([]);
  });

  it('are those of the plugin contract, word for word', () => {
    const contract = prose('plugin.ts') + prose('options.ts');
    expect(Object.values(pluginSays).filter((sentence) => !contract.includes(sentence))).to.deep.equal([]);
  });
});
