// Fills the blocks of the pages that name a file with its text: npx node test/docs/write-included-files.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../house/workspace.ts';
import { pages, withFiles } from './markdown.ts';

for (const page of pages()) writeFileSync(join(root, page), withFiles(page));
