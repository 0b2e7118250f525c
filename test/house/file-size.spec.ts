import { expect } from 'chai';
import { publishedPackages, readSource, sourceFiles } from './workspace.ts';

/** Lines a source file may have. About half of it is aimed at. */
const limit = 300;

function tooLong(file: string, text: string): string[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  return lines <= limit
    ? []
    : [`${file} has ${lines} lines, ${limit} is the limit: it holds more than one noun`];
}

describe('the size of source files', () => {
  for (const { folder } of publishedPackages()) {
    it(`is at most ${limit} lines in ${folder}`, () => {
      const files = sourceFiles(folder);
      expect(files, `source files of ${folder}`).to.not.be.empty;
      expect(files.flatMap((file) => tooLong(file, readSource(file)))).to.deep.equal([]);
    });
  }

  it('is refused one line above the limit, not at it', () => {
    expect(tooLong('at-limit.ts', 'x\n'.repeat(limit))).to.be.empty;
    expect(tooLong('above.ts', 'x\n'.repeat(limit + 1))).to.have.lengthOf(1);
    expect(tooLong('above.ts', 'x\n'.repeat(limit) + 'x')).to.have.lengthOf(1);
  });
});
