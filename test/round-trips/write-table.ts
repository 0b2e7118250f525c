// Fills the table of round trips in docs/performance.md: node --conditions=@entrepot/source test/round-trips/write-table.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSource, root } from '../house/workspace.ts';
import { heading, measure, rowOf } from './measurement.ts';
import { operations } from './operations.ts';

const page = 'docs/performance.md';
const lineOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`.replaceAll('|  |', '| |');

const rows: string[] = [];
for (const operation of operations) rows.push(lineOf(rowOf(operation, await measure(operation))));

const top = lineOf(heading) + lineOf(heading.map(() => '---'));
const text = readSource(page);
const start = text.indexOf(top);
if (start === -1) throw new Error(`${page} has no table that begins with ${top}`);
const after = text.slice(start + top.length).replace(/^(?:\|.*\n)*/, '');
writeFileSync(join(root, page), text.slice(0, start) + top + rows.join('') + after);
