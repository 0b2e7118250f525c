import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { digestOf, pullManifest, pushImage } from '../docs/image.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

interface Verified {
  readonly code: number | null;
  /** By line. */
  readonly findings: readonly Readonly<Record<string, unknown>>[];
  readonly summary: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

describe('registry verify', () => {
  let folder: string;
  let registry: Registry;
  let url: string;
  const layer = Buffer.alloc(150_000, 'a layer');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-verify-'));
    // A plugin that is no storage, and that would fail if it were started.
    await writeFile(
      join(folder, 'registry.config.mjs'),
      `import storageFilesystem from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
const other = {
  apiVersion: 1, name: 'other', schema: { type: 'object' }, options: {},
  setup: () => ({ start() { throw new Error('started'); } }),
};
export default { http: { port: 1 }, plugins: [storageFilesystem({ root: ${JSON.stringify(join(folder, 'store'))} }), other] };
`,
    );
    registry = await createRegistry({
      http: { port: 0 },
      log: { level: 'silent' },
      plugins: [storageFilesystem({ root: join(folder, 'store'), fsync: false })],
    });
    ({ url } = await registry.start());
  });
  afterEach(async () => {
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  async function verify(...flags: readonly string[]): Promise<Verified> {
    const child = spawn(process.execPath, [executable, 'verify', ...flags], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await ended;
    const lines = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(parse);
    const [last] = lines.slice(-1);
    const summary = last?.['summary'];
    return {
      code: child.exitCode,
      findings: lines.slice(0, -1),
      summary: typeof summary === 'object' && summary !== null ? { ...summary } : {},
      stderr,
    };
  }
  function parse(line: string): Readonly<Record<string, unknown>> {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  }
  const kinds = ({ findings }: Verified): unknown[] => findings.map(({ kind }) => kind);
  const push = async (repository: string, content = layer): Promise<string> => {
    const answer = await pushImage({ url, repository, tag: 'v1' }, { layer: content });
    expect(answer.status).to.equal(201);
    return answer.headers.get('docker-content-digest') ?? '';
  };
  const fileOf = (key: string): string => join(folder, 'store/objects', key);
  /** The file of the bytes of a blob. */
  async function bytesOf(bytes: Buffer): Promise<string> {
    const hex = digestOf(bytes).slice('sha256:'.length);
    const record = parse((await readFile(fileOf(`blobs/sha256/${hex.slice(0, 2)}/${hex}`))).toString());
    return fileOf(String(record['data']));
  }

  it('finds nothing in a sound registry, also while it is pushed to and deleted from', async () => {
    const pushing = new AbortController();
    const pushes = (async () => {
      for (let count = 0; !pushing.signal.aborted; count += 1) {
        const digest = await push(`team/app-${count % 5}`, Buffer.alloc(50_000, `layer ${count}`));
        if (count % 2 === 0) {
          await fetch(`${url}/v2/team/app-${count % 5}/manifests/${digest}`, { method: 'DELETE' });
        }
      }
    })();
    const [verified, repaired] = [await verify('--deep'), await verify('--repair')];
    pushing.abort();
    await pushes;
    const damage = [...verified.findings, ...repaired.findings].filter(
      ({ severity }) => severity !== 'notice',
    );
    expect(damage).to.deep.equal([]);
    expect([verified.code, repaired.code]).to.deep.equal([0, 0]);
    expect(verified.summary).to.include({ sound: true });
  });

  it('finds what is damaged, repairs it while the registry runs, and a push brings back the rest', async () => {
    const other = Buffer.alloc(90_000, 'another layer');
    await push('team/app');
    await push('team/other', other);
    await push('team/gone', Buffer.alloc(40_000, 'a third'));

    const flipped = await bytesOf(layer);
    const bytes = await readFile(flipped);
    bytes[77] = (bytes[77] ?? 0) ^ 1;
    await writeFile(flipped, bytes);
    await truncate(await bytesOf(other), 10);
    await rm(fileOf('repos/team~gone/manifests/sha256'), { recursive: true });
    const orphan = 'data/77/01900000-0000-7000-8000-000000000077';
    await mkdir(dirname(fileOf(orphan)), { recursive: true });
    await writeFile(fileOf(orphan), 'nobody reads this');

    const found = await verify('--deep');
    expect(kinds(found)).to.have.members([
      'wrong-digest',
      'wrong-size',
      'incomplete-manifest',
      'incomplete-manifest',
      'dangling-tag',
      'empty-repository',
      'orphaned-data',
    ]);
    expect(found.code).to.equal(1);
    expect(found.findings.find(({ kind }) => kind === 'orphaned-data')).to.deep.equal({
      kind: 'orphaned-data',
      severity: 'leftover',
      key: orphan,
      detail: 'nothing refers to these 17 bytes',
    });
    // Removing it takes minutes of waiting; that it is removed is tested elsewhere.
    await rm(fileOf(orphan));

    const repaired = await verify('--deep', '--repair');
    expect(repaired.code).to.equal(1);
    expect(repaired.summary['repaired']).to.deep.equal({
      'wrong-digest': 1,
      'wrong-size': 1,
      'dangling-tag': 1,
    });
    expect(await readdir(fileOf('quarantine'))).to.have.members(['data', 'repos']);
    const head = await fetch(`${url}/v2/team/app/blobs/${digestOf(layer)}`, { method: 'HEAD' });
    expect(head.status).to.equal(404);

    await push('team/app');
    await push('team/other', other);
    await push('team/gone', Buffer.alloc(40_000, 'a third'));
    const healed = await verify('--deep');
    expect([healed.code, healed.findings]).to.deep.equal([0, []]);
    expect((await pullManifest({ url, repository: 'team/gone', tag: 'v1' })).status).to.equal(200);
  });

  it('says with code 2 that it could not look', async () => {
    const [nowhere, wrong, unknown] = await Promise.all([
      verify('--config', 'nowhere.json'),
      writeFile(join(folder, 'bad.json'), '{"plugins":[]}').then(() => verify('--config', 'bad.json')),
      verify('--deeply'),
    ]);
    expect([nowhere.code, wrong.code, unknown.code]).to.deep.equal([2, 2, 2]);
    expect(nowhere.stderr).to.match(/^registry: could not verify: cannot read the configuration /);
    expect(wrong.stderr).to.include('no plugin gives a storage');
    expect(unknown.stderr).to.include("unknown option '--deeply'");
  });
});
