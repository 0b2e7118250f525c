import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ask } from './asking.ts';
import { images, pull, push } from './pushing.ts';
import { Site, type LogLine } from './running-registry.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const message = (wanted: string) => (line: LogLine) => line['msg'] === wanted;
const reloaded = message('the configuration has been reloaded');
const refused = message('the configuration could not be reloaded: the registry goes on with the one before');

describe('registry start, told to reload', () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.create();
  });
  afterEach(() => site.remove());

  /** Asks all the time, each time over a connection of its own; gives what went wrong. */
  function asking(url: string) {
    const failures: unknown[] = [];
    let count = 0;
    const over = new AbortController();
    const [image] = images(1);
    if (image === undefined) throw new Error('there is no image');
    const work = [
      ...Array.from({ length: 6 }, async () => {
        while (!over.signal.aborted) {
          const { status } = await ask(url, 'GET', '/v2/').catch(() => ({ status: 0 }));
          if (status !== 200) failures.push(status);
          count += 1;
        }
      }),
      (async () => {
        while (!over.signal.aborted) {
          await push(url, image)
            .then(() => pull(url, image))
            .catch((error: unknown) => failures.push(error));
        }
      })(),
    ];
    return {
      /** Waits for so many more answers. */
      async more(wanted: number) {
        const enough = count + wanted;
        while (count < enough) await ask(url, 'GET', '/livez');
      },
      async end() {
        over.abort();
        await Promise.all(work);
        return failures;
      },
    };
  }

  it('by SIGHUP, drops none of the requests that come meanwhile', async () => {
    const registry = await site.start();
    const clients = asking(await registry.url());
    for (let turn = 1; turn <= 3; turn += 1) {
      const before = registry.lines.length;
      registry.signal('SIGHUP');
      await registry.line(reloaded, before);
      await clients.more(50);
    }
    expect(await clients.end()).to.deep.equal([]);
    await registry.stop();
    expect(
      registry.lines.filter(message('the plugins of the configuration before have been stopped')),
    ).to.have.lengthOf(3);
  });

  it('by SIGHUP, reads its file anew; a broken one is refused, and it goes on', async () => {
    const registry = await site.start();
    const url = await registry.url();
    await writeFile(registry.config, 'export default { plugins: [');
    registry.signal('SIGHUP');
    await registry.line(refused);
    expect((await ask(url, 'GET', '/v2/')).status).to.equal(200);
    await site.configure(registry.config, { log: { levels: { access: 'silent' } } });
    const before = registry.lines.length;
    registry.signal('SIGHUP');
    await registry.line(reloaded, before);
    const settled = registry.lines.length;
    expect((await ask(url, 'GET', '/v2/')).status).to.equal(200);
    await registry.stop();
    expect(registry.lines.slice(settled).filter(message('request'))).to.deep.equal([]);
  });

  it('with workers, reloads one after the other, and drops no request', async () => {
    const registry = await site.start({ http: { workers: 2 } });
    const url = await registry.url();
    const clients = asking(url);
    registry.signal('SIGHUP');
    await registry.line(message('all workers have reloaded'));
    await clients.more(50);
    expect(await clients.end()).to.deep.equal([]);
    expect(registry.lines.filter(reloaded).map(({ worker }) => worker)).to.deep.equal([1, 2]);
    await writeFile(join(site.folder, 'breaks'), '');
    registry.signal('SIGHUP');
    await registry.line(message('the configuration was not reloaded: all workers go on with the one before'));
    const why = registry.lines.find(message('a worker could not reload the configuration'));
    expect(why).to.include({ worker: 1, reason: 'plugin probe could not be started: the probe is to break' });
    for (let turn = 0; turn < 4; turn += 1) expect((await ask(url, 'GET', '/v2/')).status).to.equal(200);
    await registry.stop();
  });

  it('by `registry reload`, and by a change of its file when it watches that', async () => {
    const pidFile = join(site.folder, 'registry.pid');
    const registry = await site.start({}, 'filesystem', [], ['--pid-file', pidFile, '--watch']);
    await registry.url();
    expect(Number(await readFile(pidFile, 'utf8'))).to.equal(registry.pid);
    const told = await run('reload', '--config', registry.config, '--pid-file', pidFile);
    expect(told).to.deep.include({ code: 0, stderr: '' });
    expect(told.stdout).to.include(`process ${registry.pid} has been told`);
    await registry.line(reloaded);
    const before = registry.lines.length;
    await site.configure(registry.config, { log: { access: false } });
    await registry.line(reloaded, before);
    await writeFile(registry.config, 'export default { http: { port: -1 } };');
    const wrong = await run('reload', '--config', registry.config, '--pid-file', pidFile);
    expect(wrong).to.deep.include({ code: 1, stdout: '' });
    expect(wrong.stderr).to.include('http.port must be >= 0');
    await registry.stop();
    const gone = await run('reload', '--config', registry.config, '--pid-file', pidFile);
    expect(gone.code).to.equal(1);
  });
});

async function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [executable, ...args], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { code: child.exitCode, stdout, stderr };
}
