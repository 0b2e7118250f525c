import { globSync } from 'node:fs';
import { expect } from 'chai';
import { readSource, root } from './workspace.ts';

/** Words that name anything and so nothing: a file is named after a noun of the field. */
const emptyWords = [
  'data',
  'helper',
  'helpers',
  'manager',
  'misc',
  'process',
  'provider',
  'service',
  'util',
  'utils',
];

const skippedTest = /\b(?:it|describe|context|specify)\.(?:skip|only)\(|\bx(?:it|describe)\(|\bthis\.skip\(/;
const unfinished = /\b(?:TODO|FIXME|XXX|HACK)\b/;

function emptyNames(file: string): string[] {
  const words = file.replace(/\.\w+$/, '').split(/[/.-]/);
  return words.filter((word) => emptyWords.includes(word)).map((word) => `${file} is named '${word}'`);
}

function unfinishedLines(file: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      skippedTest.test(line) || unfinished.test(line) ? [`${file}:${index + 1} ${line}`] : [],
    );
}

describe('the words of the tree', () => {
  const files = globSync('{plugin-sdk,core,plugins/*,test,docs}/**/*.{ts,js}', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  }).sort();

  it('name files by nouns of the field', () => {
    expect(files).to.not.be.empty;
    expect(files.flatMap(emptyNames)).to.deep.equal([]);
  });

  it('leave nothing for later and no test out', () => {
    expect(
      files
        .filter((file) => file !== 'test/house/words.spec.ts')
        .flatMap((file) => unfinishedLines(file, readSource(file))),
    ).to.deep.equal([]);
  });

  it('are refused where they say nothing', () => {
    expect(emptyNames('core/src/store/blob-manager.ts')).to.have.lengthOf(1);
    expect(emptyNames('test/helpers/registry.ts')).to.have.lengthOf(1);
    expect(emptyNames('core/src/store/blob-store.ts')).to.be.empty;
  });

  it('are refused where they put something off', () => {
    const [later, alone, out] = [
      ['TO', 'DO'],
      ['it.', 'only'],
      ['this.', 'skip'],
    ].map((parts) => parts.join(''));
    for (const line of [`// ${later}: later`, `  ${alone}('x', () => {});`, `  ${out}();`]) {
      expect(unfinishedLines('a.ts', line), line).to.have.lengthOf(1);
    }
    expect(unfinishedLines('a.ts', "it('skips what is only there', () => {});")).to.be.empty;
  });
});
