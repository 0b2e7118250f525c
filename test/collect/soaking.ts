import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { Site } from '../e2e/running-registry.ts';
import { contentOf } from '../oci/content.ts';
import { Random } from '../torture/random.ts';
import { verify } from '../torture/verification.ts';
import { leftoversIn } from './leftovers.ts';
import { SoakClient } from './soak-client.ts';
import { collectAgainAndAgain, collectOnce, type CollectedSoFar } from './soak-collectors.ts';
import { flawsIn } from './wholeness.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly workers: number;
  readonly seed: number;
  /** Milliseconds; a registry has six hours by default. */
  readonly grace: number;
  readonly say: (line: string) => void;
}

export interface SoakReport {
  /** What clients were answered that they should not have been. */
  readonly errors: readonly string[];
  /** What can be reached and is not whole; what verify finds; what nothing refers to and is still there. */
  readonly flaws: readonly string[];
  readonly damage: readonly string[];
  readonly leftovers: readonly string[];
  /** Tags that were pulled in the end, whole. */
  readonly tags: number;
  readonly done: Readonly<Record<string, number>>;
  readonly collected: CollectedSoFar;
}

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
/** Milliseconds between two lines about how it goes. */
const TELL_EVERY = 30_000;

/**
 * Clients push, retag, delete and pull on a registry of several workers, while two collectors on the same directory run
 * one after the other run, at the same time. In the end every tag is pulled, and what nothing refers to has to be gone.
 */
export async function soak({
  seconds,
  clients,
  workers,
  seed,
  grace,
  say,
}: SoakOptions): Promise<SoakReport> {
  const random = new Random(seed);
  const site = await Site.create();
  try {
    const registry = await site.start({ http: { workers }, log: { access: false }, gc: { enabled: false } });
    const url = await registry.url();
    const done: Record<string, number> = {};
    const commons = {
      url,
      repositories: ['team/app', 'team/base', 'team', 'other/app'],
      layers: Array.from({ length: 12 }, (_, index) => contentOf(random.bytes(1000 + 20_000 * index))),
      dawdle: grace / 2,
      count: (what: string) => {
        done[what] = (done[what] ?? 0) + 1;
      },
    };
    const drivers = [0, 1].map(
      () => new FilesystemDriver({ root: join(site.folder, 'storage'), fsync: false, log: quiet }),
    );
    const rules = { grace, keepUntagged: grace };
    const collected: CollectedSoFar = { runs: 0, blobs: 0, manifests: 0, bytes: 0, rescued: 0 };
    const errors: string[] = [];
    const stopped = new AbortController();
    const collectors = new AbortController();
    const noting = async (who: string, work: Promise<void>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        errors.push(`${who}: ${String(error)}`);
      }
    };

    const working = Array.from({ length: clients }, (_, index) => {
      const client = new SoakClient(`client-${index}`, commons, random.fork());
      return { client, end: noting(`client ${index}`, client.work(stopped.signal)) };
    });
    const collecting = drivers.map((driver, index) =>
      noting(`collector ${index}`, collectAgainAndAgain(driver, rules, collectors.signal, collected)),
    );
    const telling = setInterval(() => {
      say(`${JSON.stringify(done)} collected ${JSON.stringify(collected)} errors ${errors.length}`);
    }, TELL_EVERY);
    await pause(seconds * 1000);
    clearInterval(telling);
    stopped.abort();
    await Promise.all(working.map(({ end }) => end));

    // Some go on collecting what the others have just stopped using; then it has to end by itself.
    let tags = 0;
    for (const { client } of working)
      await noting(
        'the last pulls',
        client.pullAll().then((pulled) => void (tags += pulled)),
      );
    collectors.abort();
    await Promise.all(collecting);
    const [driver] = drivers;
    if (driver === undefined) throw new Error('nothing collects');
    for (let waiting = 1, runs = 0; waiting > 0 && runs < 50; runs += 1) {
      await pause(grace / 2);
      waiting = await collectOnce(driver, rules, collected);
    }
    for (const { client } of working)
      await noting(
        'the very last pulls',
        client.pullAll().then(() => undefined),
      );
    const flaws = await flawsIn(driver);
    const leftovers = await leftoversIn(driver);
    const damage = await verify(join(site.folder, 'registry-0.config.mjs'));
    await registry.stop();
    return { errors, flaws, damage, leftovers, tags, done, collected };
  } finally {
    await site.remove();
  }
}
