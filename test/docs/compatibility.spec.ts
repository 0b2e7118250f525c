import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readSource, root } from '../house/workspace.ts';

const page = 'docs/compatibility.md';

/** The cells of each row of each table, without the heads. */
function rowsOf(markdown: string): string[][] {
  const lines = markdown.split('\n').filter((line) => line.startsWith('| '));
  const rows = lines.map((line) => line.slice(2, -2).split(' | '));
  return rows.filter(([first]) => first !== 'distribution' && first !== '---');
}

/** What is wrong with the evidence of a row. */
function mistakeOf([claim = '', here = '', evidence = '', ...more]: readonly string[]): string | undefined {
  if (more.length > 0 || evidence === '') return `${claim}: it is to have three cells`;
  if (evidence === '–')
    return /^left out: \w/.test(here) ? undefined : `${claim}: there is neither test nor reason`;
  const [, file = '', title = ''] = /^`([\w./-]+)`: (.+)$/.exec(evidence) ?? [];
  if (!existsSync(join(root, file)) || file === '') return `${claim}: there is no ${file}`;
  return readSource(file).includes(title) ? undefined : `${claim}: ${file} has no test '${title}'`;
}

describe(page, () => {
  const rows = rowsOf(readSource(page));

  it('has a test or a reason for each row', () => {
    expect(rows).to.have.length.above(50);
    expect(rows.flatMap((row) => mistakeOf(row) ?? [])).to.deep.equal([]);
  });

  it('is found out when a row shows nothing', () => {
    for (const row of [
      ['a', 'same', '–'],
      ['a', 'same', '`test/absent.spec.ts`: x'],
      ['a', 'same', `\`test/docs/compatibility.spec.ts\`: ${['not', 'there'].join(' at all ')}`],
      ['a', 'same', 'trust me'],
      ['a', 'same'],
    ])
      expect(mistakeOf(row), row.join()).to.be.a('string');
    expect(mistakeOf(['a', 'left out: nobody has it', '–'])).to.equal(undefined);
  });
});
