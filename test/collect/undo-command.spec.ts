import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { pullManifest, pushImage } from '../docs/image.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const repository = 'team/app';

interface Ended {
  readonly code: number;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly stderr: string;
}

function parse(line: string): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(line);
  return typeof json === 'object' && json !== null ? { ...json } : {};
}

describe('registry tag and registry undelete', () => {
  let folder: string;
  let registry: Registry;
  let url: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-undo-'));
    const root = join(folder, 'store');
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storageFilesystem from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { http: { port: 1 }, log: { level: 'warn' }, plugins: [storageFilesystem({ root: ${JSON.stringify(root)} })] };
`,
    );
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageFilesystem({ root, fsync: false })],
    });
    ({ url } = await registry.start());
  });
  after(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  function run(...args: readonly string[]): Promise<Ended> {
    const env = { ...process.env, NODE_OPTIONS: '' };
    return new Promise((resolve) => {
      execFile(process.execPath, [executable, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
        const lines = stdout.split('\n').filter((line) => line !== '');
        resolve({
          code: typeof error?.code === 'number' ? error.code : 0,
          lines: lines.map(parse),
          stderr,
        });
      });
    });
  }
  const push = async (tag: string, layer: string): Promise<string> => {
    const answer = await pushImage({ url, repository, tag }, { layer: Buffer.from(layer) });
    expect(answer.status).to.equal(201);
    return answer.headers.get('docker-content-digest') ?? '';
  };
  const remove = async (reference: string): Promise<void> => {
    const answer = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { method: 'DELETE' });
    expect(answer.status).to.equal(202);
  };
  const statusOf = async (reference: string): Promise<number> =>
    (await pullManifest({ url, repository, tag: reference })).status;

  it('bring back what clients have deleted, while the registry serves', async () => {
    const [old, young] = [await push('v1', 'old'), await push('v1', 'young')];
    await remove(young);
    await remove(old);
    expect([await statusOf('v1'), await statusOf(old)]).to.deep.equal([404, 404]);

    const history = await run('tag', 'history', `${repository}:v1`);
    expect(history.stderr).to.equal('');
    expect(history.lines.map(({ digest, deleted, manifest }) => [digest, deleted, manifest])).to.deep.equal([
      [young, 'manifest', 'deleted'],
      [young, undefined, 'deleted'],
      [old, undefined, 'deleted'],
    ]);

    const undeleted = await run('undelete', `${repository}@${young}`);
    expect(undeleted.lines).to.deep.equal([
      { repository, digest: young, tags: ['v1'], taken: [], manifests: [young] },
    ]);
    expect(
      (await pullManifest({ url, repository, tag: 'v1' })).headers.get('docker-content-digest'),
    ).to.equal(young);

    const { at } = history.lines.at(-1) ?? {};
    const restored = await run('tag', 'restore', `${repository}:v1`, '--at', String(at), '--json');
    expect(restored.lines).to.deep.equal([
      { repository, digest: old, tags: ['v1'], taken: [], manifests: [old] },
    ]);
    expect(
      (await pullManifest({ url, repository, tag: 'v1' })).headers.get('docker-content-digest'),
    ).to.equal(old);
  });

  const mistakes: Readonly<Record<string, readonly [args: readonly string[], says: RegExp]>> = {
    'a tag nobody knows': [
      ['tag', 'history', `${repository}:none`],
      /nothing is remembered of team\/app:none/,
    ],
    'something that is no tag': [
      ['tag', 'restore', repository, '--at', '2026-01-01'],
      /neither REPO:TAG nor/,
    ],
    'no aim': [['tag', 'restore', `${repository}:v1`], /either --to DIGEST or --at TIME/],
    'a manifest nobody has pushed': [
      ['undelete', `${repository}@sha256:${'0'.repeat(64)}`],
      /cannot be restored any more/,
    ],
  };
  for (const [what, [args, says]] of Object.entries(mistakes)) {
    it(`end with 1 and say what is wrong, for ${what}`, async () => {
      const { code, lines, stderr } = await run(...args);
      expect([code, lines]).to.deep.equal([1, []]);
      expect(stderr).to.match(says);
    });
  }
});
