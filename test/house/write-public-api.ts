// Writes the checked-in list of the public API anew: npm run api
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicApi, publicApiFile } from './public-api.ts';
import { root } from './workspace.ts';

writeFileSync(join(root, publicApiFile), publicApi());
