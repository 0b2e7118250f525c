import { once } from 'node:events';
import { createServer } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { contentOf, noise } from '../oci/content.ts';
import { expectStatus, locationOf } from '../oci/pushes.ts';
import { ask, beginBody, refusalOf } from './asking.ts';
import { Site, type LogLine, type RunningRegistry } from './running-registry.ts';

const message = (wanted: string) => (line: LogLine) => line['msg'] === wanted;

describe('A registry with workers', () => {
  let site: Site;
  let registry: RunningRegistry;
  let url: string;
  before(async () => {
    site = await Site.create();
    registry = await site.start({ http: { workers: 3 } });
    url = await registry.url();
  });
  after(() => site.remove());

  it('serves with all of them on one port, and says so when all do', async () => {
    expect(registry.lines[0]).to.deep.include({ msg: 'the registry starts', workers: 3 });
    expect(registry.lines.filter(message('all workers serve'))).to.have.lengthOf(1);
    for (const number of [1, 2, 3]) {
      const serves = await registry.line(
        (line) => line['worker'] === number && message('the registry serves')(line),
      );
      expect(serves).to.deep.include({ url, storage: 'storage-filesystem' });
    }
    const pids = new Set([1, 2, 3].map((number) => registry.workerPid(number)));
    expect(pids).to.have.lengthOf(3).and.not.include(registry.pid);
    for (const path of ['/livez', '/readyz', '/v2/']) {
      for (let turn = 0; turn < 3; turn += 1) expectStatus(await ask(url, 'GET', path), 200);
    }
  });

  it('writes the lines of all of them whole, each with its number', async () => {
    const asked = 300;
    const answers = await Promise.all(
      Array.from({ length: asked }, (_, index) => ask(url, 'GET', `/v2/r${index}/tags/list`)),
    );
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([404]));
    const requests = (): LogLine[] => registry.lines.filter(message('request'));
    await registry.line(() => requests().length >= asked);
    expect(registry.lines.filter(({ unparsed }) => unparsed !== undefined)).to.deep.equal([]);
    expect(requests()).to.have.length.of.at.least(asked);
    expect(new Set(requests().map(({ worker }) => worker))).to.deep.equal(new Set([1, 2, 3]));
  });

  for (const [how, cause] of [
    ['SIGKILL', 'SIGKILL'],
    ['SIGUSR2', 'exit code 7'],
  ] as const) {
    it(`loses one by ${cause}, logs that and replaces it, while the others serve`, async () => {
      const pid = registry.workerPid(2);
      const before = registry.lines.length;
      process.kill(pid, how);
      const died = await registry.line(message('a worker died, and another takes its place'), before);
      expect(died).to.deep.include({ level: 'error', worker: 2, pid, cause });
      for (let turn = 0; turn < 4; turn += 1) expectStatus(await ask(url, 'GET', '/v2/'), 200);
      const back = await registry.line(message('the registry serves'), before);
      expect(back).to.deep.include({ worker: 2, url });
      expect(registry.workerPid(2)).to.not.equal(pid);
    });
  }

  it('loses one that does nothing any more, and closes the connection that was on its way to it', async () => {
    const pid = registry.workerPid(3);
    process.kill(pid, 'SIGSTOP');
    const ended = Promise.withResolvers<undefined>();
    let answered = 0;
    const answers = [1, 2, 3].map(async () => {
      const answer = await ask(url, 'GET', '/v2/');
      answered += 1;
      if (answered === 2) ended.resolve(undefined);
      return answer.status;
    });
    const settled = Promise.allSettled(answers);
    await ended.promise;
    process.kill(pid, 'SIGKILL');
    const ends = (await settled).map((end) => (end.status === 'fulfilled' ? end.value : 'broken'));
    expect(ends).to.have.members([200, 200, 'broken']);
  });
});

describe('A registry with workers that starts or stops', () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.create();
  });
  afterEach(() => site.remove());

  /** An upload whose bytes have been asked for and are still to come, all of them with the PUT. */
  async function uploading(url: string) {
    const blob = contentOf(noise(300_000));
    const location = locationOf((await ask(url, 'POST', '/v2/library/alpine/blobs/uploads/')).headers);
    const put = await beginBody(url, 'PUT', `${location}?digest=${blob.digest}`, {
      'content-length': blob.bytes.length,
    });
    return { ...put, blob };
  }

  describe('starts', () => {
    it('none at all on a port in use, and says why', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = other.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      try {
        const { code, stderr } = await (await site.start({ http: { workers: 2, port } })).ended;
        expect(code).to.equal(1);
        expect(stderr.split('\n')).to.deep.equal([
          `registry: port ${port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port or http.port`,
          'registry: worker 1 could not start: exit code 1',
          '',
        ]);
      } finally {
        other.close();
      }
    });

    it('none when a plugin cannot start, and says once why', async () => {
      await writeFile(join(site.folder, 'breaks'), '');
      const registry = await site.start({ http: { workers: 3 } });
      const { code, stderr } = await registry.ended;
      expect(code).to.equal(1);
      expect(stderr.split('\n')).to.deep.equal([
        'registry: plugin probe could not be started: the probe is to break',
        'registry: worker 1 could not start: exit code 1',
        '',
      ]);
      expect(registry.lines.filter(message('a process starts'))).to.have.lengthOf(1);
    });
  });

  describe('stops', () => {
    it('on SIGTERM with code 0: what is being uploaded arrives, new connections are refused', async () => {
      const registry = await site.start({ http: { workers: 2 } });
      const url = await registry.url();
      const { asking, answer, blob } = await uploading(url);
      registry.signal('SIGTERM');
      // The worker that has nothing to do is gone, so the other one has begun to stop as well.
      await registry.line(message('the registry has stopped'));
      while ((await refusalOf(url)) !== 'ECONNREFUSED');
      asking.end(blob.bytes);
      expect(expectStatus(await answer, 201).headers.connection).to.equal('close');
      const { code, stderr } = await registry.ended;
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(registry.lines.at(-1)).to.deep.include({ msg: 'the registry has stopped' });
      expect(registry.lines.at(-1)).to.not.have.property('worker');
    });

    it('when all its processes are told to, as terminals and systemd do', async () => {
      const registry = await site.start({ http: { workers: 2 } });
      const { asking, answer, blob } = await uploading(await registry.url());
      registry.signal('SIGINT');
      for (const number of [1, 2]) process.kill(registry.workerPid(number), 'SIGINT');
      await registry.line(message('the registry has stopped'));
      asking.end(blob.bytes);
      expectStatus(await answer, 201);
      expect((await registry.ended).code).to.equal(0);
    });

    it('at once on a second signal, with its code, and takes all workers with it', async () => {
      const registry = await site.start({ http: { workers: 2 } });
      const { answer } = await uploading(await registry.url());
      const broken = answer.catch((error: unknown) => error);
      registry.signal('SIGTERM');
      await registry.line(message('the registry has stopped'));
      registry.signal('SIGINT');
      expect((await registry.ended).code).to.equal(130);
      expect(await broken).to.be.instanceOf(Error);
    });

    it('without replacing a worker that dies meanwhile', async () => {
      const registry = await site.start({ http: { workers: 2 } });
      await registry.url();
      const pid = registry.workerPid(1);
      process.kill(pid, 'SIGSTOP'); // It stops in the other sense of the word, so it cannot end before it is killed.
      registry.signal('SIGTERM');
      await registry.line(message('the registry has stopped'));
      process.kill(pid, 'SIGKILL');
      const died = await registry.line(message('a worker died while it stopped'));
      expect(died).to.deep.include({ level: 'error', worker: 1, pid, cause: 'SIGKILL' });
      expect((await registry.ended).code).to.equal(0);
      expect(registry.lines.filter(message('a process starts'))).to.have.lengthOf(2);
    });

    it('unready first, and takes connections until balancers have noticed', async () => {
      const registry = await site.start({ http: { workers: 2, stopDelay: 60 } });
      const url = await registry.url();
      registry.signal('SIGTERM');
      const unready = async (): Promise<boolean> => (await ask(url, 'GET', '/readyz')).status === 503;
      while (!((await unready()) && (await unready())));
      const { asking, answer, blob } = await uploading(url);
      asking.end(blob.bytes);
      expectStatus(await answer, 201);
      registry.signal('SIGTERM');
      expect((await registry.ended).code).to.equal(143);
    });
  });
});
