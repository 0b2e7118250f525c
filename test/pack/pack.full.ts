import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { digestOf, noise } from '../clients/image-layout.ts';
import { checkout, serving } from './checkout.ts';
import { type Consumer, createConsumer, packPackages } from './consumer.ts';

const configuration = `import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

export default defineConfig({
  http: { port: 0 },
  log: { format: 'json' },
  plugins: [storageFilesystem({ root: './.registry' })],
});
`;

/** What the editor has to find wrong; \`@ts-expect-error\` is an error itself where nothing is. */
const mistakes = `import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import storageMemory from '@entrepot/storage-memory';
import { definePlugin, type StorageDriver } from '@entrepot/plugin-sdk';
import { describeStorageDriver } from '@entrepot/plugin-sdk/conformance';

export const driver: StorageDriver | undefined = undefined;
export const kit: typeof describeStorageDriver = describeStorageDriver;
export const plugin = definePlugin<Record<string, never>>({
  name: 'metrics-none',
  schema: { type: 'object', additionalProperties: false, required: [] },
  setup({ name, hooks, log }) {
    hooks.response.tap(name, ({ status }) => log.info({ status }));
  },
});
export default defineConfig({
  // @ts-expect-error: a port is a number
  http: { port: 'http' },
  plugins: [
    // @ts-expect-error: there is no such option
    storageFilesystem({ rooot: './.registry' }),
    // @ts-expect-error: nor a string for bytes
    storageMemory({ maxBytes: '1 GiB' }),
  ],
});
`;

describe('the packed packages', () => {
  let consumer: Consumer;

  before(async () => {
    consumer = await createConsumer();
    const tarballs = await packPackages(join(consumer.folder, 'tarballs'));
    await consumer.run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs);
    await consumer.write('registry.config.js', configuration);
  });
  after(() => consumer.remove());

  it('ship what runs, not the sources', async () => {
    const scope = join(consumer.folder, 'node_modules', '@entrepot');
    const names = await readdir(scope);
    expect(names).to.include.members(['core', 'plugin-sdk', 'storage-filesystem', 'storage-memory']);
    for (const name of names) {
      const shipped = ['LICENSE', 'README.md', 'bin', 'dist', 'node_modules', 'package.json'];
      expect(shipped, name).to.include.members(await readdir(join(scope, name)));
      const built = await readdir(join(scope, name, 'dist'), { recursive: true });
      expect(built, name).to.include('index.js');
      expect(built.filter((file) => /\.tsbuildinfo$|\.spec\.|(?<!\.d)\.ts$/.test(file))).to.deep.equal([]);
    }
  });

  it('bring the Node they need along', async () => {
    expect(await consumer.run('npm', 'exec', '--', 'node', '--version')).to.match(/^v24\./m);
  });

  it('say their version and check a configuration without starting anything', async () => {
    const manifest = await readFile(join(checkout, 'core', 'package.json'), 'utf8');
    const version = (await consumer.run('npx', 'registry', '--version')).trim();
    expect(JSON.parse(manifest)).to.have.property('version', version);
    expect(await consumer.run('npx', 'registry', 'check')).to.contain('registry.config.js');
  });

  it('serve: a blob and a manifest are pushed and pulled, and SIGTERM ends it with 0', async () => {
    // What npx runs, without npm between the signal and the registry.
    const registry = consumer.start('node_modules/.bin/node', 'node_modules/.bin/registry', 'start');
    const [, url = ''] = await registry.printed(serving);
    try {
      await pushAndPull(`${url}/v2/library/app`);
    } finally {
      expect(await registry.terminate()).to.equal(0);
    }
  });

  it('have kept what was pushed, when npx starts them again', async () => {
    const registry = consumer.start('npx', 'registry', 'start');
    const [, url = ''] = await registry.printed(serving);
    const tags: unknown = await (await fetch(`${url}/v2/library/app/tags/list`)).json();
    await registry.terminate();
    await registry.printed(/the registry has stopped/);
    expect(tags).to.deep.equal({ name: 'library/app', tags: ['v1'] });
  });

  it('carry types that hold without skipLibCheck, and that find mistakes in a configuration', async () => {
    await consumer.run(
      'npm',
      'install',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '@types/node@24.19.2',
    );
    await consumer.write('registry.config.ts', configuration);
    await consumer.write('mistakes.ts', mistakes);
    await consumer.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          target: 'es2024',
          module: 'nodenext',
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          types: ['node'],
        },
        files: ['registry.config.ts', 'mistakes.ts'],
      }),
    );
    const compiler = join(checkout, 'node_modules', 'typescript7', 'bin', 'tsc');
    expect(await consumer.run('node', compiler, '-p', '.')).to.equal('');
    expect(await consumer.run('npx', 'registry', 'check', '--config', 'registry.config.ts')).to.contain(
      '.ts',
    );
  });
});

/** Pushes a blob and a manifest of it tagged `v1`, pulls both, and compares the bytes. */
async function pushAndPull(repository: string): Promise<void> {
  const blob = noise('packed', 300_000);
  const digest = digestOf(blob);
  const session = await fetch(`${repository}/blobs/uploads/`, { method: 'POST' });
  expect(session.status).to.equal(202);
  const upload = new URL(session.headers.get('location') ?? '', session.url);
  upload.searchParams.set('digest', digest);
  expect((await fetch(upload, { method: 'PUT', body: Buffer.from(blob) })).status).to.equal(201);

  const descriptor = { mediaType: 'application/octet-stream', digest, size: blob.byteLength };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config: descriptor, layers: [descriptor] });
  const headers = { 'content-type': mediaType };
  const pushed = await fetch(`${repository}/manifests/v1`, { method: 'PUT', headers, body: manifest });
  expect(pushed.status).to.equal(201);

  expect(await (await fetch(`${repository}/manifests/v1`)).text()).to.equal(manifest);
  const pulled = await (await fetch(`${repository}/blobs/${digest}`)).arrayBuffer();
  expect(digestOf(new Uint8Array(pulled))).to.equal(digest);
}
