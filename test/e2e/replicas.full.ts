import { expect } from 'chai';
import { ask } from './asking.ts';
import { images, pull, push, pushAgain, type Image } from './pushing.ts';
import { RoundRobin } from './round-robin.ts';
import { Site, type RunningRegistry } from './running-registry.ts';

const log = { access: false } as const;

/** Pushes all at once and calls `meanwhile` when ten have been pushed. Gives how often each had to be pushed again. */
async function pushAll(url: string, pushed: readonly Image[], meanwhile: () => void): Promise<number[]> {
  let done = 0;
  return Promise.all(
    pushed.map(async (image) => {
      const failures = await pushAgain(url, image);
      done += 1;
      if (done === 10) meanwhile();
      return failures;
    }),
  );
}

async function expectAll(pushed: readonly Image[], urls: readonly string[]): Promise<void> {
  for (const url of urls) await Promise.all(pushed.map((image) => pull(url, image)));
}

for (const workers of [1, 2]) {
  describe(`Three registries of ${workers} on one root behind a balancer that sends each request to the next`, () => {
    let site: Site;
    let registries: RunningRegistry[];
    let urls: string[];
    let balancer: RoundRobin;
    beforeEach(async () => {
      site = await Site.create();
      registries = await Promise.all([0, 1, 2].map(start));
      urls = await Promise.all(registries.map((registry) => registry.url()));
      balancer = await RoundRobin.listen(urls);
    });
    afterEach(async () => {
      await balancer.close();
      await site.remove();
    });

    function start(): Promise<RunningRegistry> {
      return site.start({ log, http: { workers, stopDelay: 5 } });
    }

    it('take 100 pushes at once without an error, and each has all of them', async () => {
      const pushed = images(100);
      await Promise.all(pushed.map((image) => push(balancer.url, image)));
      await expectAll(pushed, urls);
      const sent = [...balancer.sent.values()];
      expect(sent).to.have.lengthOf(3);
      expect(Math.max(...sent) - Math.min(...sent)).to.be.at.most(1);
    });

    it('lose one by SIGKILL meanwhile, which costs no push more than one retry', async () => {
      const pushed = images(100);
      const failures = await pushAll(balancer.url, pushed, () => registries[1]?.signal('SIGKILL'));
      expect(failures.filter((failed) => failed > 0)).to.have.length.of.at.least(1);
      expect((await registries[1]?.ended)?.signal).to.equal('SIGKILL');
      await expectAll(pushed, [balancer.url]);
    });

    it('are replaced one after the other meanwhile, which no client notices', async () => {
      let replaced = 0;
      async function replaceAll(): Promise<void> {
        for (const [index, url] of urls.entries()) {
          registries[index]?.signal('SIGTERM');
          while ((await ask(url, 'GET', '/readyz')).status !== 503);
          balancer.remove(url);
          expect((await registries[index]?.ended)?.code).to.equal(0);
          balancer.add(await (await start()).url());
          replaced += 1;
        }
      }
      const pushed = images(2000);
      let next = 0;
      async function pushOn(): Promise<void> {
        for (let image = pushed[next++]; image !== undefined && replaced < 3; image = pushed[next++]) {
          await push(balancer.url, image);
          await pull(balancer.url, image);
        }
      }
      await Promise.all([replaceAll(), ...Array.from({ length: 4 }, pushOn)]);
      expect(replaced).to.equal(3);
      expect(next).to.be.at.least(100).and.at.most(pushed.length);
    });
  });
}

describe('Three workers on one port', () => {
  let site: Site;
  let registry: RunningRegistry;
  let url: string;
  beforeEach(async () => {
    site = await Site.create();
    registry = await site.start({ log, http: { workers: 3 } });
    url = await registry.url();
  });
  afterEach(() => site.remove());

  it('take 100 pushes at once without an error', async () => {
    const pushed = images(100);
    await Promise.all(pushed.map((image) => push(url, image)));
    await expectAll(pushed, [url]);
    await registry.stop();
  });

  it('lose one by SIGKILL meanwhile, which costs no push more than one retry', async () => {
    const pushed = images(100);
    await pushAll(url, pushed, () => process.kill(registry.workerPid(2), 'SIGKILL'));
    await expectAll(pushed, [url]);
    expect(registry.lines.filter(({ cause }) => cause === 'SIGKILL')).to.have.lengthOf(1);
    await registry.stop();
  });
});
