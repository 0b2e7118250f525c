// node --conditions=@entrepot/source test/collect/beside-distribution.ts --registry /usr/bin/docker-registry …:
// collects the same content with CNCF distribution and with Entrepot, see docs/garbage-collection.md
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ageCondemned, writeDistribution, writeEntrepot } from './two-layouts.ts';

const { values } = parseArgs({
  options: {
    /** Programs of distribution that collect as well. */
    registry: { type: 'string', multiple: true, default: [] },
    repositories: { type: 'string', default: '10000' },
    blobs: { type: 'string', default: '100000' },
    garbage: { type: 'string', default: '10000' },
  },
});
const extent = {
  repositories: Number(values.repositories),
  blobs: Number(values.blobs),
  garbage: Number(values.garbage),
};
const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function seconds(work: () => Promise<unknown>): Promise<string> {
  const began = performance.now();
  await work();
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

/** Runs a program to its end, and tells how long it took and the most memory that it held. */
async function measure(name: string, program: string, args: readonly string[], cwd: string): Promise<void> {
  const began = performance.now();
  const child = spawn(program, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-2000)));
  let peak = 0;
  const looking = setInterval(() => {
    void peakOf(child.pid ?? 0).then((mebibytes) => (peak = Math.max(peak, mebibytes)));
  }, 20);
  await once(child, 'close');
  clearInterval(looking);
  const took = ((performance.now() - began) / 1000).toFixed(1);
  if (child.exitCode !== 0) throw new Error(`${name} ended with ${child.exitCode}: ${printed}`);
  say(`${name}: ${took} s, ${peak} MiB`);
  say(`  ${printed.trim().split('\n').at(-1)?.slice(0, 400) ?? ''}`);
}

/** The most memory that a process has held so far, in MiB. */
async function peakOf(pid: number): Promise<number> {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kibibytes ?? 0) / 1024);
  } catch {
    // It has ended.
    return 0;
  }
}

const folder = await mkdtemp(join(tmpdir(), 'entrepot-beside-'));
try {
  for (const [index, program] of values.registry.entries()) {
    const root = join(folder, `distribution-${index}`);
    say(`written in ${await seconds(() => writeDistribution(root, extent))}`);
    const config = join(folder, `distribution-${index}.yml`);
    await writeFile(
      config,
      `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${JSON.stringify(root)}}, delete: {enabled: true}}\nhttp: {addr: 127.0.0.1:0}\n`,
    );
    await measure(`${program} garbage-collect`, program, ['garbage-collect', config], folder);
    await measure(`${program} garbage-collect, nothing to do`, program, ['garbage-collect', config], folder);
    await rm(root, { recursive: true });
  }
  const root = join(folder, 'entrepot');
  say(`written in ${await seconds(() => writeEntrepot(root, extent))}`);
  await writeFile(
    join(folder, 'registry.config.mjs'),
    `import storage from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { plugins: [storage({ root: ${JSON.stringify(root)} })] };
`,
  );
  const gc = (name: string): Promise<void> =>
    measure(`registry gc, ${name}`, process.execPath, [executable, 'gc', '--json'], folder);
  await gc('which condemns');
  say(`condemned ${await ageCondemned(root)}`);
  await gc('which deletes');
  await gc('nothing to do');
  await measure('registry du', process.execPath, [executable, 'du', '--json'], folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
