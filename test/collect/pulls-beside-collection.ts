// node --conditions=@entrepot/source test/collect/pulls-beside-collection.ts: how long pulls take while the registry collects
// by itself, and while it does not, see docs/garbage-collection.md
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pushImage } from '../docs/image.ts';
import { RunningRegistry } from '../e2e/running-registry.ts';
import { noise } from '../oci/content.ts';
import { writeEntrepot } from './two-layouts.ts';

const { values } = parseArgs({
  options: {
    repositories: { type: 'string', default: '5000' },
    blobs: { type: 'string', default: '50000' },
    garbage: { type: 'string', default: '5000' },
    runs: { type: 'string', default: '3' },
    clients: { type: 'string', default: '4' },
  },
});
const IMAGES = 32;
/** Milliseconds that a client waits between two requests: it is not to be a measure of how many there can be. */
const REST = 10;

const folder = await mkdtemp(join(tmpdir(), 'entrepot-pulls-'));
try {
  const root = join(folder, 'store');
  await writeEntrepot(root, {
    repositories: Number(values.repositories),
    blobs: Number(values.blobs),
    garbage: Number(values.garbage),
  });
  const config = join(folder, 'registry.config.mjs');
  await writeFile(
    config,
    `import storage from ${JSON.stringify(import.meta.resolve('@entrepot/storage-filesystem'))};
export default { http: { port: 0 }, log: { access: false }, gc: { interval: 60 }, plugins: [storage({ root: ${JSON.stringify(root)} })] };
`,
  );
  const registry = new RunningRegistry(config, folder);
  try {
    await measure(registry);
  } finally {
    registry.signal('SIGKILL');
    await registry.ended;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(registry: RunningRegistry): Promise<void> {
  const url = await registry.url();
  for (let image = 0; image < IMAGES; image += 1)
    await pushImage({ url, repository: 'pulled', tag: `v${image}` }, { layer: noise(100_000, image) });
  const runsIn = (message: string): number => registry.lines.filter(({ msg }) => msg === message).length;
  const begun = (): number => runsIn('garbage collection begins');
  const ended = (): number => runsIn('garbage collection has ended');
  const times = { without: [] as number[], with: [] as number[] };

  const client = async (first: number): Promise<void> => {
    for (let number = first; ended() < Number(values.runs); number += 1) {
      const [before, began] = [begun() - ended(), performance.now()];
      const answer = await fetch(`${url}/v2/pulled/manifests/v${number % IMAGES}`);
      const manifest: unknown = await answer.json();
      if (answer.status !== 200) throw new Error(`a pull was answered ${answer.status}`);
      const took = performance.now() - began;
      const digest =
        /sha256:[a-f0-9]{64}/g.exec(JSON.stringify(manifest).split('"layers"')[1] ?? '')?.[0] ?? '';
      const again = performance.now();
      const blob = await fetch(`${url}/v2/pulled/blobs/${digest}`);
      if ((await blob.arrayBuffer()).byteLength !== 100_000) throw new Error('a blob is not whole');
      const all = took + performance.now() - again;
      if (before === begun() - ended()) times[before > 0 ? 'with' : 'without'].push(all);
      await pause(REST);
    }
  };
  await Promise.all(Array.from({ length: Number(values.clients) }, (_, index) => client(index * 7)));
  for (const [when, all] of Object.entries(times)) {
    const sorted = all.toSorted((one, other) => one - other);
    const at = (share: number): string =>
      (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
    process.stdout.write(
      `${when} collection: ${sorted.length} pulls of a manifest and a blob, median ${at(0.5)} ms, p99 ${at(0.99)} ms\n`,
    );
  }
}
