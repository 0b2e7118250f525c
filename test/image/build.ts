// Builds the image of the registry as an OCI layout: npm run image -- <folder>
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkout } from '../pack/checkout.ts';
import { buildImage } from './registry-image.ts';

const folder = resolve(process.argv[2] ?? join(checkout, '.artifacts', 'image'));
await rm(folder, { recursive: true, force: true });
const { digest, version, size } = await buildImage(folder);
process.stdout.write(`oci:${folder}:${version}\n${digest}, ${(size / 1024 ** 2).toFixed(1)} MiB to pull\n`);
