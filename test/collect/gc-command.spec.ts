import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createRegistry, type Registry } from '@entrepot/core';
import storageFilesystem, { FilesystemDriver } from '@entrepot/storage-filesystem';
import { expect } from 'chai';
import { blobRecordFormat } from '../../core/src/store/blob-records.ts';
import { CollectionLease } from '../../core/src/store/collect/collection-lease.ts';
import { digestOf, pullManifest, pushBlob, pushImage } from '../docs/image.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

type Line = Readonly<Record<string, unknown>>;

interface Ended {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly summary: Line;
  readonly stderr: string;
}

function parse(line: string): Line {
  const json: unknown = JSON.parse(line);
  return typeof json === 'object' && json !== null ? { ...json } : {};
}

describe('registry gc', () => {
  let folder: string;
  let registry: Registry;
  let url: string;
  let driver: FilesystemDriver;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-gc-'));
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
      gc: { enabled: false, restoreWindow: 0 },
      plugins: [storageFilesystem({ root, fsync: false })],
    });
    ({ url } = await registry.start());
    driver = new FilesystemDriver({ root, fsync: false, log: quiet });
    await driver.start();
  });
  afterEach(async () => {
    await driver.stop();
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  function launch(...flags: readonly string[]) {
    const child = spawn(process.execPath, [executable, 'gc', ...flags], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: Line[] = [];
    const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(parse(line)));
    const ended = (async (): Promise<Ended> => {
      const [stderr] = await Promise.all([text(child.stderr), once(child, 'close'), once(reader, 'close')]);
      const summary = lines.at(-1)?.['summary'];
      return {
        code: child.exitCode,
        lines: lines.filter((line) => line['action'] !== undefined),
        summary: typeof summary === 'object' && summary !== null ? { ...summary } : { ...lines.at(-1) },
        stderr,
      };
    })();
    return { child, reader, ended };
  }
  const gc = (...flags: readonly string[]): Promise<Ended> => launch(...flags).ended;

  /** Makes all blobs as old as if they had been there for days. */
  async function age(): Promise<void> {
    for (const key of (await driver.list('blobs/', { limit: 10_000 })).keys) {
      const object = await driver.read(key);
      const record = object === undefined ? undefined : blobRecordFormat.decode(object.bytes);
      if (record !== undefined) await driver.write(key, blobRecordFormat.encode({ ...record, since: 0 }));
    }
  }
  const push = async (repository: string, layer: Buffer): Promise<string> => {
    const answer = await pushImage({ url, repository, tag: 'v1' }, { layer });
    expect(answer.status).to.equal(201);
    return answer.headers.get('docker-content-digest') ?? '';
  };
  const garbage = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        pushBlob({ url, repository: 'team/garbage' }, Buffer.alloc(20_000, `garbage ${index}`)),
      ),
    );
  /** Files under `data/`, one for each blob that is not kept in its record. */
  const files = async (): Promise<number> =>
    (await readdir(join(folder, 'store/objects/data'), { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile(),
    ).length;

  it('gives back the space of a deleted image while the registry serves, and tells what it does', async () => {
    const layer = Buffer.alloc(150_000, 'gone');
    const digest = await push('team/gone', layer);
    await push('team/kept', Buffer.alloc(150_000, 'kept'));
    await fetch(`${url}/v2/team/gone/manifests/${digest}`, { method: 'DELETE' });
    await age();

    const step = (action: string): Line => ({ action, blob: digestOf(layer), bytes: 150_000 });
    const dry = await gc('--dry-run');
    expect([dry.code, dry.lines, dry.stderr]).to.deep.equal([0, [step('condemn')], '']);
    expect(dry.summary).to.deep.include({ dryRun: true });
    const condemned = await gc('--json');
    expect(condemned.lines).to.deep.equal([step('condemn')]);
    const { blobs } = condemned.summary;
    expect(blobs).to.deep.include({ found: 3, condemned: 1, deleted: 0 });
    expect(blobs)
      .to.have.nested.property('waiting.until')
      .that.matches(/^\d{4}-\d\d-\d\dT/);

    await age();
    expect((await gc('--dry-run')).lines).to.deep.equal([step('delete')]);
    expect(await files()).to.equal(2);
    const deleted = await gc();
    expect(deleted.lines).to.deep.equal([step('delete')]);
    expect(deleted.summary['blobs']).to.deep.include({ deleted: 1, freed: 150_000 });
    expect(await files()).to.equal(1);
    expect((await fetch(`${url}/v2/team/gone/blobs/${digestOf(layer)}`)).status).to.equal(404);
    expect((await pullManifest({ url, repository: 'team/kept', tag: 'v1' })).status).to.equal(200);
  });

  it('leaves it to another process that collects already, and says which', async () => {
    await garbage(1);
    await age();
    const lease = await new CollectionLease(driver, quiet).take();
    const { code, lines, summary, stderr } = await gc();
    expect([code, lines, stderr]).to.deep.equal([0, [], '']);
    expect(summary['alreadyRunning']).to.match(new RegExp(`^process ${process.pid} on .`));
    expect(Date.parse(String(summary['until'])) - Date.now()).to.be.within(0, 120_000);
    if ('release' in lease) await lease.release(true);
    expect((await gc()).lines).to.have.lengthOf(1);
  });

  for (const [signal, code] of [
    ['SIGTERM', 1],
    ['SIGKILL', null],
  ] as const) {
    it(`goes on where one was ended by ${signal}`, async () => {
      await garbage(200);
      await push('team/kept', Buffer.alloc(150_000, 'kept'));
      await age();
      await gc();
      await age();
      const { child, reader, ended } = launch('--rate', '200');
      await once(reader, 'line');
      child.kill(signal);
      const broken = await ended;
      expect(broken.code).to.equal(code);
      expect(broken.lines.length).to.be.within(1, 199);
      if (signal === 'SIGTERM')
        expect(broken.stderr).to.equal(
          'registry: could not collect: it was told to stop; the next run goes on\n',
        );

      // Whoever was killed has not given the lease back, and is seen to have died.
      const { code: done, summary } = await gc();
      expect(done).to.equal(0);
      expect(summary['blobs']).to.deep.include({ condemned: 0 });
      expect(await files()).to.equal(1);
      expect((await driver.list('repos/team~garbage/blobs/', { limit: 10 })).keys).to.deep.equal([]);
      expect((await pullManifest({ url, repository: 'team/kept', tag: 'v1' })).status).to.equal(200);
    }).timeout(180_000);
  }

  it('says with code 1 that it could not', async () => {
    const [nowhere, wrong, rate] = await Promise.all([
      gc('--config', 'nowhere.json'),
      writeFile(join(folder, 'bad.json'), '{"gc":{"grace":5}}').then(() => gc('--config', 'bad.json')),
      gc('--rate', 'fast'),
    ]);
    expect([nowhere.code, wrong.code, rate.code]).to.deep.equal([1, 1, 1]);
    expect(nowhere.stderr).to.match(/^registry: could not collect: cannot read the configuration /);
    expect(wrong.stderr).to.include('grace must be >= 600');
    expect(rate.stderr).to.include('It has to be a whole number above 0');
  });
});
