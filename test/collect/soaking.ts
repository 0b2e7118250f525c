import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { contentOf } from '../oci/content.ts';
import { Replicas } from '../replicas/replicas.ts';
import { Random } from '../torture/random.ts';
import { verify } from '../torture/verification.ts';
import { leftoversIn } from './leftovers.ts';
import { SoakClient } from './soak-client.ts';
import { collectAgainAndAgain, collectOnce, openCollector, type CollectedSoFar } from './soak-collectors.ts';
import { soakedStorages, type StorageName } from './soak-storages.ts';
import { flawsIn } from './wholeness.ts';

export interface SoakOptions {
  readonly storage: StorageName;
  /** Registries behind nginx, each of so many worker processes. */
  readonly replicas: number;
  readonly workers: number;
  readonly seconds: number;
  readonly clients: number;
  readonly seed: number;
  /** Milliseconds; a registry has six hours by default. */
  readonly grace: number;
  /** Storage calls a second that each of the two collectors makes at most. */
  readonly rate: number;
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

/** Milliseconds between two lines about how it goes. */
const TELL_EVERY = 30_000;
/** The grace once nobody pushes any more; milliseconds. */
const LAST_GRACE = 1_000;

/**
 * Clients push, retag, delete and pull on several registries, while two collectors on the same storage run one after the
 * other run, at the same time. In the end every tag is pulled, and what nothing refers to has to be gone.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-soak-'));
  try {
    const soaked = await soakedStorages[options.storage](folder);
    try {
      const replicas = await Replicas.start(soaked.storage, options.replicas, {
        http: { workers: options.workers },
        log: { access: false },
        gc: { enabled: false, restoreWindow: Math.ceil(options.grace / 1000) },
      });
      try {
        return await soakRegistries(replicas, options);
      } finally {
        await replicas.remove();
      }
    } finally {
      await soaked.remove();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function soakRegistries(
  { nginx: { url }, config }: Replicas,
  { seconds, clients, seed, grace, rate, say }: SoakOptions,
): Promise<SoakReport> {
  const random = new Random(seed);
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
  const rules = { grace, keepUntagged: grace, restoreWindow: grace, callsPerSecond: rate };
  const collected: CollectedSoFar = { runs: 0, blobs: 0, manifests: 0, bytes: 0, rescued: 0 };
  const errors: string[] = [];
  const stopped = new AbortController();
  const collecting = new AbortController();
  const noting = async (who: string, work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      errors.push(`${who}: ${String(error)}`);
    }
  };

  const [first, second] = await Promise.all([openCollector(config), openCollector(config)]);
  try {
    const working = Array.from({ length: clients }, (_, index) => {
      const client = new SoakClient(`client-${index}`, commons, random.fork());
      return { client, end: noting(`client ${index}`, client.work(stopped.signal)) };
    });
    const collectors = [first, second].map(({ driver }, index) =>
      noting(`collector ${index}`, collectAgainAndAgain(driver, rules, collecting.signal, collected)),
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
    const pullAll = async ({ client }: { readonly client: SoakClient }): Promise<void> => {
      tags += await client.pullAll();
    };
    for (const each of working) await noting('the last pulls', pullAll(each));
    collecting.abort();
    await Promise.all(collectors);
    const last = { grace: LAST_GRACE, keepUntagged: LAST_GRACE, restoreWindow: LAST_GRACE };
    for (let waiting = 1, runs = 0; (waiting > 0 || runs < 4) && runs < 50; runs += 1) {
      await pause(LAST_GRACE / 2);
      waiting = await collectOnce(first.driver, last, collected);
    }
    tags = 0;
    for (const each of working) await noting('the very last pulls', pullAll(each));
    const flaws = await flawsIn(first.driver);
    const leftovers = await leftoversIn(first.driver);
    const damage = await verify(config);
    return { errors, flaws, damage, leftovers, tags, done, collected };
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}
