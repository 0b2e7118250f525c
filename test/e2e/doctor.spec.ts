import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { createHooks, withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { diagnoseEndpoint } from '@entrepot/plugin-sdk/buckets';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { tryStorage } from '../../core/src/doctor/storage-trial.ts';
import { configSmells } from '../../core/src/doctor/config-smells.ts';
import { resolveConfig } from '../../core/src/config/resolve-config.ts';
import { Site } from './running-registry.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

describe('registry doctor', () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.create();
  });
  afterEach(() => site.remove());

  async function doctor(config: string, ...flags: readonly string[]) {
    const child = spawn(process.execPath, [executable, 'doctor', '--config', config, ...flags], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await closed;
    return { code: child.exitCode, lines: stdout.trimEnd().split('\n'), stderr };
  }

  it('says of a sound registry what is good, leaves nothing behind, and exits with 0', async () => {
    const config = join(site.folder, 'sound.config.mjs');
    await site.configure(config, { http: { host: '127.0.0.1', port: 0 } });
    const { code, lines, stderr } = await doctor(config, '--json');
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    const found = lines.map((line): unknown => JSON.parse(line));
    for (const [part, subject] of [
      ['settings', 'settings'],
      ['machine', 'the address 127.0.0.1:0'],
      ['storage-filesystem', `the folder ${join(site.folder, 'storage')}`],
      ['storage', 'the storage'],
    ]) {
      const line = found.find((each) => isOf(each, part, subject));
      expect(line, `${part} ${subject} in ${lines.join()}`).to.include({ state: 'good' });
    }
    const memory = found.find((each) => isOf(each, 'machine', 'memory'));
    expect(JSON.stringify(memory)).to.match(/uploads may take 1\.0 GiB of /);
    const files = await readdir(join(site.folder, 'storage'), { recursive: true, withFileTypes: true });
    const left = files.filter((each) => each.isFile() && !each.parentPath.endsWith('locks'));
    expect(left.map(({ name }) => name)).to.deep.equal([]);
  });

  it('says what is bad and what to do, for people, and exits with 1', async () => {
    const config = join(site.folder, 'bad.config.mjs');
    await writeFile(join(site.folder, 'file'), '');
    await site.configure(
      config,
      { http: { host: '192.0.2.1', port: 0 } },
      { root: join(site.folder, 'file', 'storage') },
    );
    const { code, lines } = await doctor(config);
    expect(code).to.equal(1);
    const all = lines.join('\n');
    expect(all).to.include(
      'BAD       machine: the address 192.0.2.1:0: 192.0.2.1 is no address of this machine',
    );
    expect(all).to.include('correct http.host');
    expect(all).to.match(/BAD {7}storage(?:-filesystem)?: /);
    expect(all).to.include(
      'DOUBTFUL  settings: http.host: everyone who reaches 192.0.2.1 may push and delete',
    );
  });
});

describe('What the doctor looks at', () => {
  it('are settings that are seldom meant', async () => {
    const config = await resolveConfig({
      http: { host: '0.0.0.0', drainTimeout: 300, workers: 200 },
      log: { level: 'debug' },
      gc: { enabled: false },
    });
    const subjects = configSmells(config, createHooks()).map(({ subject }) => subject);
    expect(subjects).to.deep.equal([
      'http.host',
      'http.drainTimeout',
      'http.workers',
      'log.level',
      'gc.enabled',
    ]);
  });

  const faults: readonly [string, (driver: StorageDriver) => Partial<StorageDriver>, string][] = [
    [
      'creates what is there',
      (driver) => ({ write: (key, bytes) => driver.write(key, bytes) }),
      'creates what is there already',
    ],
    [
      'lists nothing',
      () => ({ list: async () => ({ keys: [], more: false }) }),
      'does not list what is there',
    ],
    ['deletes nothing', () => ({ delete: async () => undefined }), 'reads what was deleted'],
  ];
  for (const [title, fault, finding] of faults) {
    it(`is a storage that ${title}`, async () => {
      const driver = new MemoryDriver(new Memory(1024 ** 2));
      const [diagnosis] = await tryStorage(withMethods(driver, fault(driver)));
      expect(diagnosis).to.include({ state: 'bad' });
      expect(diagnosis?.finding).to.include(finding);
    });
  }

  it('are the name, the answer and the clock of an endpoint', async () => {
    let date = new Date();
    const server = createServer((_request, response) => {
      response.writeHead(403, { date: date.toUTCString() }).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    const states = async (): Promise<string[]> =>
      (await diagnoseEndpoint(endpoint)).map(({ state }) => state);
    try {
      expect(await states()).to.deep.equal(['good', 'good']);
      date = new Date(Date.now() - 600_000);
      expect(await states()).to.deep.equal(['good', 'bad']);
    } finally {
      server.close();
      server.closeAllConnections();
    }
    expect(await states()).to.deep.equal(['bad']);
    expect((await diagnoseEndpoint('http://no-such-host.invalid'))[0]?.finding).to.include(
      'no-such-host.invalid is not known',
    );
  });
});

function isOf(line: unknown, part: string | undefined, subject: string | undefined): boolean {
  return (
    typeof line === 'object' &&
    line !== null &&
    'part' in line &&
    line.part === part &&
    'subject' in line &&
    line.subject === subject
  );
}
