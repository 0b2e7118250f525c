import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRegistry } from '@entrepot/core';
import retention from '@entrepot/retention';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { pullManifest, pushImage } from '../docs/image.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const repository = 'team/app';
const policies = [
  {
    repositories: ['team/**'],
    keep: [
      { name: 'used', lastPulled: 1 },
      { tags: ['latest'], always: true },
    ],
  },
];

function parse(line: string): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(line);
  return typeof json === 'object' && json !== null ? { ...json } : {};
}

describe('registry retention', () => {
  let folder: string;
  let root: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-retention-'));
    root = join(folder, 'store');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const configure = (plugins: string): Promise<void> =>
    writeFile(
      join(folder, 'registry.config.mjs'),
      `import storageFilesystem from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
import retention from ${JSON.stringify(import.meta.resolve('@entrepot/retention'))};
export default { log: { level: 'warn' }, plugins: [storageFilesystem({ root: ${JSON.stringify(root)} }), ${plugins}] };
`,
    );
  function run(...flags: readonly string[]): Promise<{
    readonly code: number;
    readonly lines: readonly Readonly<Record<string, unknown>>[];
    readonly stderr: string;
  }> {
    const args = [executable, 'retention', ...flags];
    const options = { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' } };
    return new Promise((resolve) => {
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        const lines = stdout.split('\n').filter((line) => line !== '');
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, lines: lines.map(parse), stderr });
      });
    });
  }

  it('drops what was pulled least by clients of the registry, after it has told which rule keeps what', async () => {
    const plugins = [storageFilesystem({ root, fsync: false }), retention({ policies })];
    const registry = await createRegistry({ http: { port: 0 }, log: { level: 'silent' }, plugins });
    const { url } = await registry.start();
    for (const tag of ['v1', 'v2', 'latest']) await pushImage({ url, repository, tag });
    // A pull in the millisecond of the last push would be no later than it.
    await pause(2);
    expect((await pullManifest({ url, repository, tag: 'v1' })).status).to.equal(200);
    await registry.stop();

    await configure(`retention(${JSON.stringify({ policies })})`);
    const dry = await run('--dry-run');
    expect(dry.stderr).to.equal('');
    expect(dry.lines.slice(0, -1).map(({ tag, outcome, rule }) => [tag, outcome, rule])).to.deep.equal([
      ['latest', 'kept', 'policy 1, keep rule 2, always'],
      ['v1', 'kept', 'policy 1, keep rule 1, used'],
      ['v2', 'dropped', 'policy 1, which keeps it by none of its rules'],
    ]);
    expect(dry.lines.at(-1)?.['summary']).to.deep.include({ dryRun: true, kept: 2, dropped: 1 });
    const real = await run();
    expect(real.lines.slice(0, -1).map(({ tag, outcome }) => [tag, outcome])).to.deep.equal([
      ['v2', 'dropped'],
    ]);
    expect(real.lines.at(-1)?.['summary']).to.deep.include({ dryRun: false, kept: 2, dropped: 1 });
  });

  it('ends with 1 where no plugin has rules', async () => {
    await configure('');
    const { code, stderr } = await run();
    expect(code).to.equal(1);
    expect(stderr).to.match(/no plugin says which tags stay/);
  });
});
