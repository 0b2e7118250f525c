import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { LogLine } from '../e2e/running-registry.ts';
import { pulled, pushGenerated } from './big-layer.ts';
import { buckets, type Bucket } from './buckets.ts';
import { Replicas } from './replicas.ts';

const GiB = 1024 ** 3;
const MiB = 1024 ** 2;

/** Not among all the tests: README.md says what it takes. */
const size = Number(process.env['ENTREPOT_BIG_LAYER_GIB'] ?? 0);
const backend = 'S3 (versitygw)';
const makeBucket = buckets[backend];

if (size > 0) {
  describe(`a layer of ${size} GiB on ${backend}, through nginx`, () => {
    let bucket: Bucket;
    let replicas: Replicas;
    before(async () => {
      bucket = await makeBucket();
      const { use, options } = bucket.storage;
      // The gateway copies the parts when an upload is completed, and says nothing meanwhile.
      const patient = { use, options: { ...options, timeout: 900 } };
      // All bytes go through the registry, whose memory it is about.
      replicas = await Replicas.start(patient, 1, { redirects: { enabled: false } });
    });
    afterEach(function () {
      if (this.currentTest?.state !== 'failed') return;
      const troubled = replicas.serving.flatMap(({ registry }) => registry.lines.filter(isOfTrouble));
      for (const line of troubled) process.stdout.write(`      ${JSON.stringify(line)}\n`);
    });
    after(async () => {
      await replicas.remove();
      await bucket.remove();
    });

    it('is pushed and pulled in the memory of a few parts', async () => {
      const { url } = replicas.nginx;
      const length = Math.round(size * GiB);
      const [pid = 0] = replicas.serving.map(({ registry }) => registry.pid);
      const began = performance.now();
      const { digest, finishing } = await pushGenerated(url, 'big/layer', length);
      const pushed = performance.now();
      const [afterPush, found] = [await peak(pid), await pulled(url, 'big/layer', digest)];
      const end = performance.now();
      const afterPull = await peak(pid);
      process.stdout.write(
        `      push ${seconds(began, pushed)} s, the end of it ${seconds(0, finishing)} s, at most ${afterPush} MiB; pull ${seconds(pushed, end)} s, at most ${afterPull} MiB\n`,
      );
      expect(found).to.deep.equal({ length, digest });
      expect(afterPull).to.be.below(512);
    }).timeout(3_600_000);
  });
}

/** Levels as pino has them: 40 is a warning. */
function isOfTrouble({ level }: LogLine): boolean {
  return Number(level) >= 40 || level === 'warn' || level === 'error';
}

/** The most memory that a process has held so far, in MiB. */
async function peak(pid: number): Promise<number> {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round((Number(kibibytes) * 1024) / MiB);
}

function seconds(from: number, to: number): number {
  return Math.round((to - from) / 1000);
}
