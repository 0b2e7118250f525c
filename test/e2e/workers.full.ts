import { rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { expectStatus } from '../oci/pushes.ts';
import { ask, refusalOf } from './asking.ts';
import { Site, type LogLine } from './running-registry.ts';

describe('A registry with workers, given time', () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.create();
  });
  afterEach(() => site.remove());

  const message = (wanted: string) => (line: LogLine) => line['msg'] === wanted;

  it('starts one for each processor when it may choose', async () => {
    const registry = await site.start({ http: { workers: 'auto' } });
    await registry.url();
    const processes = registry.lines.filter(message('a process starts'));
    expect(processes).to.have.lengthOf(availableParallelism());
  });

  it('loses all, and serves on the same port again', async () => {
    const registry = await site.start({ http: { workers: 2 } });
    const url = await registry.url();
    const before = registry.lines.length;
    for (const number of [1, 2]) process.kill(registry.workerPid(number), 'SIGKILL');
    for (const number of [1, 2]) {
      const back = await registry.line(
        (line) => line['worker'] === number && line['url'] !== undefined,
        before,
      );
      expect(back).to.deep.include({ msg: 'the registry serves', url });
    }
    expectStatus(await ask(url, 'GET', '/v2/'), 200);
    await registry.stop();
  });

  it('loses one that cannot come back at first, and tries again', async () => {
    const registry = await site.start({ http: { workers: 2 } });
    await registry.url();
    const before = registry.lines.length;
    await writeFile(join(site.folder, 'breaks'), '');
    process.kill(registry.workerPid(1), 'SIGKILL');
    const again = (line: LogLine): boolean => line['worker'] === 1 && line['cause'] === 'exit code 1';
    expect(await registry.line(again)).to.deep.include({ delay: 250 });
    await rm(join(site.folder, 'breaks'));
    expect(await registry.line(message('the registry serves'), before)).to.deep.include({ worker: 1 });
    await registry.stop();
  });

  it('gives up on a worker that cannot come back, stops the others and says why', async () => {
    const registry = await site.start({ http: { workers: 2 } });
    const url = await registry.url();
    await writeFile(join(site.folder, 'breaks'), '');
    process.kill(registry.workerPid(2), 'SIGKILL');
    await registry.line(({ cause, delay }) => cause === 'exit code 1' && delay === 10_000);
    expectStatus(await ask(url, 'GET', '/v2/'), 200);
    const { code, stderr } = await registry.ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/registry: worker 2 ends again and again, at last with exit code 1: /);
    const stopped = registry.lines.filter(message('the registry has stopped'));
    expect(stopped.map(({ worker }) => worker)).to.deep.equal([1]);
    expect(registry.lines.filter(message('a worker died, and another takes its place'))).to.have.lengthOf(10);
  });

  it('kills a worker that does not stop in time', async () => {
    const registry = await site.start({ http: { workers: 2, drainTimeout: 0 } });
    await registry.url();
    process.kill(registry.workerPid(1), 'SIGSTOP');
    registry.signal('SIGTERM');
    expect((await registry.ended).code).to.equal(0);
    const texts = registry.lines.map(({ msg }) => msg);
    expect(texts).to.include('workers that did not stop in time are killed');
    expect(texts).to.include('a worker died while it stopped');
  });

  it('does not start on a storage that workers would not share', async () => {
    const { code, stderr } = await (await site.start({ http: { workers: 2 } }, 'memory')).ended;
    expect(code).to.equal(1);
    expect(stderr).to.include('plugin storage-memory').and.include('set http.workers to 1');
  });

  it('ends with its primary, however that ends', async () => {
    const registry = await site.start({ http: { workers: 2 } });
    const url = await registry.url();
    registry.signal('SIGKILL');
    expect((await registry.ended).signal).to.equal('SIGKILL');
    expect(await refusalOf(url)).to.equal('ECONNREFUSED');
  });
});
