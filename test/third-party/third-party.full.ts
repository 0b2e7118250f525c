import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { digestOf, pullManifest, pushImage } from '../docs/image.ts';
import { checkout, serving } from '../pack/checkout.ts';
import { createConsumer, packPackages, type Consumer } from '../pack/consumer.ts';
import { packExample, tarball } from './author.ts';

const configuration = `import { defineConfig } from '@entrepot/core';
import authStaticTokens from '@acme/auth-static-tokens';
import storageSqlite from '@acme/storage-sqlite';

export default defineConfig({
  http: { port: 0 },
  log: { format: 'json' },
  plugins: [
    storageSqlite({ file: './registry.sqlite' }),
    authStaticTokens({
      realm: 'acme',
      tokens: [
        { subject: 'ci', token: 'the-token-of-ci-a1b2c3', repositories: ['team/*'], actions: ['pull', 'push'] },
      ],
    }),
  ],
});
`;
const byName = JSON.stringify({
  plugins: [{ use: '@acme/storage-sqlite', options: { file: './registry.sqlite' } }],
});

const known = { authorization: 'Bearer the-token-of-ci-a1b2c3' };
const unknown = { authorization: 'Bearer the-token-of-nobody-at-all' };

/** The test that an author wrote beside the source, for the package as it is installed. */
async function testOfAuthor(example: string): Promise<string> {
  const text = await readFile(join(checkout, 'docs/examples', example, 'test/conformance.spec.ts'), 'utf8');
  return text.replace(`'../src/index.ts'`, `'@acme/${example}'`);
}

describe('plugins of third parties, built and packed outside of the workspace', () => {
  let consumer: Consumer;

  before(async () => {
    consumer = await createConsumer();
    const ours = join(consumer.folder, 'ours');
    const theirs = join(consumer.folder, 'theirs');
    await packPackages(ours);
    await consumer.run('mkdir', theirs);
    const sdk = await tarball(ours, 'entrepot-plugin-sdk-');
    for (const example of ['auth-static-tokens', 'storage-sqlite']) await packExample(example, sdk, theirs);
    await consumer.run(
      'npm',
      'install',
      ...['--no-audit', '--no-fund', '--prefer-offline'],
      sdk,
      await tarball(ours, 'entrepot-core-'),
      await tarball(theirs, 'acme-auth-static-tokens-'),
      await tarball(theirs, 'acme-storage-sqlite-'),
      'mocha@12.0.3',
    );
    await consumer.write('registry.config.js', configuration);
  });
  after(() => consumer.remove());

  for (const example of ['auth-static-tokens', 'storage-sqlite']) {
    it(`pass the conformance kit: ${example}`, async () => {
      await consumer.write(`${example}.spec.ts`, await testOfAuthor(example));
      const output = await consumer.run('npx', 'mocha', '--timeout', '60000', `${example}.spec.ts`);
      const [, passing = '0'] = /(\d+) passing/.exec(output) ?? [];
      expect(Number(passing), output).to.be.at.least(example === 'storage-sqlite' ? 80 : 11);
      expect(output).to.not.match(/\d+ (?:failing|pending)/);
    });
  }

  it('are found good by registry check, imported and by name', async () => {
    const imported = await consumer.run('npx', 'registry', 'check');
    expect(imported)
      .to.match(/storage +storage-sqlite/)
      .and.match(/plugins +storage-sqlite, auth-static-tokens/);
    await consumer.write('by-name.json', byName);
    const named = await consumer.run('npx', 'registry', 'check', '--config', 'by-name.json');
    expect(named).to.match(/storage +storage-sqlite/);
  });

  it('are refused by registry check with a wrong option, which it names', async () => {
    await consumer.write('wrong.json', byName.replace('"file"', '"path"'));
    const check = consumer.start('npx', 'registry', 'check', '--config', 'wrong.json');
    await check.printed(/plugins\[0\] storage-sqlite: options has an unknown key 'path'; known keys: file/);
    const again = consumer.run('npx', 'registry', 'check', '--config', 'wrong.json');
    expect(await again.catch(() => 'refused')).to.equal('refused');
  });

  it('run: the token pushes and pulls, a wrong one is refused with a challenge, and all is there after a restart', async () => {
    const layer = Buffer.alloc(3_000_000, 'a layer of several parts ');
    const first = consumer.start('node_modules/.bin/node', 'node_modules/.bin/registry', 'start');
    const [, url = ''] = await first.printed(serving);
    const target = { url, repository: 'team/app', tag: '1.0' };
    let digest;
    try {
      const pushed = await pushImage({ ...target, headers: known }, { layer });
      expect(pushed.status).to.equal(201);
      digest = pushed.headers.get('docker-content-digest');
      for (const headers of [unknown, {}]) {
        const refused = await pullManifest({ ...target, headers });
        expect(refused.status).to.equal(401);
        expect(refused.headers.get('www-authenticate')).to.equal('Basic realm="acme"');
      }
      const elsewhere = await pullManifest({ ...target, repository: 'other/app', headers: known });
      expect(elsewhere.status).to.equal(403);
    } finally {
      expect(await first.terminate()).to.equal(0);
    }

    const second = consumer.start('npx', 'registry', 'start');
    const [, again = ''] = await second.printed(serving);
    const manifest = await (await pullManifest({ ...target, url: again, headers: known })).text();
    const blob = await fetch(`${again}/v2/team/app/blobs/${digestOf(layer)}`, { headers: known });
    const pulled = await blob.bytes();
    await second.terminate();
    expect(digestOf(manifest)).to.equal(digest);
    expect(digestOf(pulled)).to.equal(digestOf(layer));
  });
});
