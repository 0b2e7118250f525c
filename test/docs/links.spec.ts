import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { readSource, root } from '../house/workspace.ts';
import { pages } from './markdown.ts';

const link = /\]\((?!https?:)([^)\s]*)\)/g;
const path = /`((?:core|docs|plugin-sdk|plugins|test)\/[\w./-]+)`/g;

/** Links and paths of a page that lead nowhere. */
function astray(page: string, markdown: string): string[] {
  const prose = markdown.replace(/^```.*?^```$/gms, '');
  const links = [...prose.matchAll(link)]
    .map(([, target = '']) => target)
    .filter((target) => !leads(page, target));
  const paths = [...prose.matchAll(path)]
    .map(([, target = '']) => target)
    .filter((target) => !exists(target));
  return [...links, ...paths].map((target) => `${page}: ${target}`);
}

function leads(page: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const there = file === '' ? page : join(dirname(page), file);
  if (!exists(there)) return false;
  return anchor === undefined || anchorsOf(readSource(there)).includes(anchor);
}

function exists(file: string): boolean {
  return existsSync(join(root, file));
}

/** The anchors that hosts of Markdown give to headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('the links of the pages', () => {
  for (const page of pages()) {
    it(`lead to files and headings that are there, in ${page}`, () => {
      expect(astray(page, readSource(page))).to.deep.equal([]);
    });
  }

  it('are found out when they lead nowhere', () => {
    const text =
      'See [a](absent.md), [b](../README.md#absent) and `core/src/absent.ts`, [c](../LICENSE), `core/src`.';
    expect(astray('docs/page.md', text)).to.deep.equal([
      'docs/page.md: absent.md',
      'docs/page.md: ../README.md#absent',
      'docs/page.md: core/src/absent.ts',
    ]);
  });
});
