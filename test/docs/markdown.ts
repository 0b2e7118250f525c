import { globSync } from 'node:fs';
import { readSource, root } from '../house/workspace.ts';

/** The pages these specs hold to the code, relative to the root. */
export function pages(): string[] {
  return ['README.md', 'core/README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()];
}

/** A block of code between two lines of backticks. */
export interface Fence {
  /** `ts`, `js`, `sh`; empty when the page does not say. */
  readonly language: string;
  readonly text: string;
  /** The file whose text it is, according to the comment above it: `<!-- file: docs/examples/… -->`. */
  readonly file: string | undefined;
  /** For messages: `README.md:12`. */
  readonly place: string;
}

/** The fenced blocks of a page, in order. */
export function fences(page: string, markdown = readSource(page)): Fence[] {
  const pattern = /(?:^<!-- file: (\S+) -->\n)?^```(\S*)\n(.*?)^```$/gms;
  return [...markdown.matchAll(pattern)].map(({ index, 1: file, 2: language = '', 3: text = '' }) => ({
    language,
    text,
    file,
    place: `${page}:${markdown.slice(0, index).split('\n').length}`,
  }));
}

/** The page with each block that names a file filled with the text of that file. */
export function withFiles(page: string, markdown = readSource(page)): string {
  return fences(page, markdown).reduce((filled, { file, language, text }) => {
    if (file === undefined) return filled;
    const opening = `<!-- file: ${file} -->\n\`\`\`${language}\n`;
    return filled.replace(`${opening}${text}\`\`\``, () => `${opening}${readSource(file)}\`\`\``);
  }, markdown);
}

/** The rows of the table whose heading row begins with these cells, each row a list of cells. */
export function tableOf(page: string, ...heading: readonly string[]): string[][] {
  const lines = readSource(page).split('\n');
  const start = lines.findIndex((line) => heading.every((cell, column) => cellsOf(line)[column] === cell));
  if (start === -1) throw new Error(`${page} has no table ${heading.join(' | ')}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end === -1 ? rows.length : end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The text between backticks, if that is all there is. */
export function codeIn(cell: string | undefined): string {
  return /^`([^`]+)`$/.exec(cell ?? '')?.[1] ?? '';
}
