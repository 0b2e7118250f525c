import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { digestOf, pushImage } from '../docs/image.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const layer = Buffer.alloc(150_000, 'layer');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('registry why and registry du', () => {
  let folder: string;
  let registry: Registry;
  let digest: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-why-'));
    const root = join(folder, 'store');
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storageFilesystem from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { log: { level: 'warn' }, plugins: [storageFilesystem({ root: ${JSON.stringify(root)} })] };
`,
    );
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      gc: { enabled: false },
      plugins: [storageFilesystem({ root, fsync: false })],
    });
    const { url } = await registry.start();
    const answer = await pushImage({ url, repository: 'team/app', tag: 'v1' }, { layer });
    digest = answer.headers.get('docker-content-digest') ?? '';
  });
  after(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  const run = (...args: readonly string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const env = { ...process.env, NODE_OPTIONS: '' };
      execFile(process.execPath, [executable, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  it('tell people and machines what keeps a manifest or a blob', async () => {
    const [manifest, blob] = await Promise.all([
      run('why', `team/app@${digest}`),
      run('why', digestOf(layer), '--json'),
    ]);
    expect([manifest.code, manifest.stderr, blob.code, blob.stderr]).to.deep.equal([0, '', 0, '']);
    const lines = manifest.stdout.split('\n');
    expect(lines[0]).to.equal(`manifest team/app@${digest}`);
    expect(lines.slice(1)).to.include.members(['  kept by tag v1', '  stays as long as any of that does']);
    const told: unknown = JSON.parse(blob.stdout);
    expect(told).to.deep.include({ kind: 'blob', digest: digestOf(layer), state: 'live', size: 150_000 });
    expect(told)
      .to.have.property('promisedUntil')
      .that.matches(/^\d{4}-\d\d-\d\dT/);
  });

  it('say with code 1 what is not there, and what makes no sense', async () => {
    const [absent, senseless, noName] = await Promise.all([
      run('why', `sha256:${'0'.repeat(64)}`),
      run('why', 'team/app:v1'),
      run('du', 'a name'),
    ]);
    expect([absent.code, absent.stdout]).to.deep.equal([
      1,
      `blob sha256:${'0'.repeat(64)}\n  is not there\n`,
    ]);
    expect([senseless.code, noName.code]).to.deep.equal([1, 1]);
    expect(senseless.stderr).to.include("'team/app:v1' is to be a digest");
    expect(noName.stderr).to.equal("registry: 'a name' is no name of a repository\n");
  });

  it('tell what repositories take, one and all', async () => {
    const [all, one] = await Promise.all([run('du'), run('du', 'team/app')]);
    expect([all.code, all.stderr, one.code]).to.deep.equal([0, '', 0]);
    const [repository = '', total = ''] = all.stdout.trim().split('\n');
    expect(repository).to.equal(one.stdout.trim());
    const usage: unknown = JSON.parse(repository);
    expect(usage).to.deep.include({ repository: 'team/app', shared: 0, reclaimable: 0 });
    expect(usage).to.have.property('logical').that.is.greaterThan(150_000);
    expect(JSON.parse(total)).to.have.nested.property('total.repositories', 1);
  });
});
