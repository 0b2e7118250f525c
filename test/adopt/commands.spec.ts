import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { silent } from '../../plugins/storage-filesystem/test/temporary-root.ts';
import { contentOf, imageOf, noise } from '../oci/content.ts';
import { WrittenRegistry } from './other-registry.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const config = contentOf('{"architecture":"amd64"}');
const layer = contentOf(noise(40_000, 1));
const image = imageOf(config, [layer]);
const broken = imageOf(config, [contentOf(noise(40_000, 2))]);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('registry import and export', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-import-'));
    const root = join(folder, 'root');
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storage from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { log: { level: 'warn' }, plugins: [storage({ root: ${JSON.stringify(root)}, fsync: false })] };
`,
    );
    const driver = new FilesystemDriver({ root, fsync: false, log: silent });
    await driver.start();
    const written = new WrittenRegistry(driver);
    for (const blob of [config, layer]) await written.blob('team/app', blob);
    await written.manifest('team/app', image, 'v1');
    await written.manifest('team/app', broken, 'broken');
    await driver.stop();
  });
  after(() => rm(folder, { recursive: true }));

  const run = (...args: readonly string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(process.execPath, [executable, ...args], { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  const linesOf = ({ stdout }: Ended): readonly unknown[] =>
    stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));

  it('tell in lines of JSON what is left out, with code 1, and what there is', async () => {
    const ended = await run('import', '--from', 'distribution');
    expect([ended.code, ended.stderr]).to.deep.equal([1, '']);
    const lines = linesOf(ended);
    expect(lines).to.have.lengthOf(3);
    expect(lines[0]).to.have.nested.property('skipped').that.includes({
      reason: 'incomplete-manifest',
      repository: 'team/app',
      tag: 'broken',
    });
    expect(lines[2])
      .to.have.nested.property('summary')
      .that.deep.includes({
        dryRun: false,
        repositories: 1,
        tags: { found: 2, set: 1, skipped: 1 },
        manifests: { found: 2, taken: 1, skipped: 1 },
        blobs: { taken: 2, bytes: 40_024, read: 0 },
      });
  });

  it('end with code 0 when nothing is left out', async () => {
    const ended = await run('export', '--to', 'distribution');
    expect([ended.code, ended.stderr]).to.deep.equal([0, '']);
    expect(linesOf(ended)[0])
      .to.have.nested.property('summary.manifests')
      .that.includes({ found: 1, taken: 0 });
  });

  it('end with code 2 when they are not understood, or cannot open the storage', async () => {
    const ends = await Promise.all([
      run('import'),
      run('import', '--from', 'nexus'),
      run('export', '--to', 'distribution', '--config', 'nowhere.js'),
      run('copy', 'a.example/app', 'b.example/x*'),
      run('copy', 'x', 'y', '--jobs', '0'),
    ]);
    expect(ends.map(({ code }) => code)).to.deep.equal([2, 2, 2, 2, 2]);
    expect(ends[0].stderr).to.include("'--from <kind>' not specified");
    expect(ends[1].stderr).to.include('Allowed choices are distribution');
    expect(ends[2].stderr).to.match(/^registry: could not export: cannot read the configuration /);
    expect(ends[3].stderr).to.equal('registry: could not copy: the target can be no pattern\n');
    expect(ends[4].stderr).to.include('It has to be a whole number from 1 to 64');
  });
});
