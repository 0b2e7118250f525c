import { expect } from 'chai';
import { readSource } from '../house/workspace.ts';
import { fences, pages, withFiles } from './markdown.ts';

describe('the code on the pages', () => {
  for (const page of pages()) {
    it(`is that of the files it names, in ${page} (npx node test/docs/write-included-files.ts fills it in)`, () => {
      expect(readSource(page)).to.equal(withFiles(page));
    });
  }

  it('is always that of a file, which tests run: no TypeScript or JavaScript stands on a page alone', () => {
    const alone = pages()
      .flatMap((page) => fences(page))
      .filter(
        ({ file, language }) => file === undefined && /^(?:[cm]?[jt]s|javascript|typescript)$/.test(language),
      );
    expect(alone.map(({ place }) => place)).to.deep.equal([]);
  });

  it('is found out when it differs from the file', () => {
    const file = 'docs/examples/registry.config.js';
    const block = (text: string): string =>
      `Text.\n\n<!-- file: ${file} -->\n\`\`\`js\n${text}\`\`\`\n\nText.\n`;
    expect(withFiles('page.md', block('export default {};\n'))).to.equal(block(readSource(file)));
    expect(fences('page.md', 'One.\n\n```ts\nlet a;\n```\n')).to.deep.equal([
      { language: 'ts', text: 'let a;\n', file: undefined, place: 'page.md:3' },
    ]);
  });
});
