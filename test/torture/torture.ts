import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actNames, acts, habits, type ActName } from './acts.ts';
import { Audit } from './audit.ts';
import { Client } from './client.ts';
import { Gate, RunIsOver } from './gate.ts';
import { Unanswered } from './http.ts';
import { KillPlan, type PlannedKill } from './kill-plan.ts';
import { Ledger, type Finding } from './ledger.ts';
import type { Leftovers } from './leftovers.ts';
import { Random } from './random.ts';
import { Replicas, type Replica } from './replicas.ts';
import { storages, type StorageName, type TortureStorage } from './storages.ts';
import { checkBroken } from './uploads.ts';
import { verify } from './verification.ts';

export interface TortureOptions {
  readonly seconds: number;
  readonly storage: StorageName;
  readonly clients: number;
  readonly processes: number;
  /** Of each process; `undefined` when the registry does not know workers. */
  readonly workers: number | undefined;
  readonly seed: number;
  /** A module that gives one more plugin; see {@link Replicas}. */
  readonly plugin?: string;
  /** Hears how it goes. */
  readonly say: (line: string) => void;
}

export interface TortureReport {
  readonly seed: number;
  readonly kills: number;
  /** Kills at a named step, and the moments of steps: how many there are, and which have not been hit. */
  readonly killsAtSteps: number;
  readonly moments: number;
  readonly missed: readonly string[];
  /** What clients have done at least once. */
  readonly done: readonly ActName[];
  readonly requests: number;
  readonly acknowledged: number;
  readonly unanswered: number;
  readonly resumedUploads: number;
  readonly restartedUploads: number;
  readonly lost: number;
  readonly wrong: number;
  readonly dangling: number;
  /** Times that the race was seen that docs/operations.md calls accepted. */
  readonly accepted: number;
  readonly leftovers: Leftovers;
  readonly findings: readonly Finding[];
}

/** How often a worker may die before all start anew: those that die young are replaced ever later. */
const WORKER_DEATHS = 2;
/** How often a client tries something at the beginning that still lacks what it needs. */
const TRIES = 5;

/**
 * Clients push, overwrite, mount, delete and pull while the registry is killed again and again; after each restart all
 * that was acknowledged is read back.
 */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-torture-'));
  const storage = await storages[options.storage](folder);
  const { processes, workers, plugin } = options;
  const replicas = await Replicas.on({ folder, storage, processes, workers, plugin });
  try {
    return await new Torture(options, replicas, storage).run();
  } finally {
    await replicas.killAll();
    await storage.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

class Torture {
  readonly #options: TortureOptions;
  readonly #replicas: Replicas;
  readonly #storage: TortureStorage;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #gate = new Gate();
  readonly #clients: readonly Client[];
  readonly #auditor: Client;
  readonly #plan: KillPlan;
  readonly #done = new Set<ActName>();
  #wishes: readonly ActName[] = [];
  #kills = 0;

  constructor(options: TortureOptions, replicas: Replicas, storage: TortureStorage) {
    this.#options = options;
    this.#replicas = replicas;
    this.#storage = storage;
    this.#random = new Random(options.seed);
    this.#plan = new KillPlan(this.#random.fork());
    const parts = { ledger: this.#ledger, replicas, gate: this.#gate };
    this.#clients = Array.from(
      { length: options.clients },
      (_, index) => new Client({ ...parts, name: `c${index}`, random: this.#random.fork() }),
    );
    this.#auditor = new Client({ ...parts, name: 'audit', random: this.#random.fork() });
  }

  async run(): Promise<TortureReport> {
    await this.#replicas.start();
    this.#gate.open();
    await Promise.all(this.#clients.map((client) => this.#begin(client)));
    const working = Promise.all(this.#clients.map((client) => this.#work(client)));
    await Promise.race([this.#cycles(), working.then(() => new Promise<never>(() => undefined))]);
    this.#gate.end();
    await working;
    await this.#replicas.start();
    for (const client of this.#clients) {
      for (const broken of client.broken) await this.#unharmed(() => checkBroken(client, broken));
    }
    for (const replica of this.#replicas.all) await this.#audit(replica);
    for (const client of [...this.#clients, this.#auditor]) client.close();
    const ends = await this.#replicas.stop();
    if (ends.some((end) => end !== 0))
      this.#ledger.found('wrong', 'the stop', `it ended with ${ends.join(', ')}`);
    return this.#report();
  }

  async #report(): Promise<TortureReport> {
    const ledger = this.#ledger;
    const excused = ledger.accepted > 0 ? /dangling-referrers-entry/ : /^$/;
    for (const crash of await this.#replicas.crashes()) ledger.found('wrong', 'the registry', crash);
    for (const line of await verify(this.#replicas.config)) {
      if (!excused.test(line)) ledger.found('wrong', 'registry verify', line);
    }
    const leftovers = await this.#storage.sweep();
    if (leftovers.unswept > 0) ledger.found('wrong', 'the sweep', `it leaves ${leftovers.unswept} behind`);
    const count = (kind: Finding['kind']): number =>
      ledger.findings.filter((each) => each.kind === kind).length;
    return {
      seed: this.#options.seed,
      kills: this.#kills,
      killsAtSteps: this.#plan.hits,
      moments: this.#plan.moments,
      missed: this.#plan.missed,
      done: [...this.#done],
      requests: ledger.requests,
      acknowledged: ledger.acknowledged,
      unanswered: ledger.unanswered,
      resumedUploads: ledger.resumed,
      restartedUploads: ledger.restarted,
      lost: count('lost'),
      wrong: count('wrong'),
      dangling: count('dangling'),
      accepted: ledger.accepted,
      leftovers,
      findings: ledger.findings,
    };
  }

  async #cycles(): Promise<void> {
    const { seconds, say } = this.#options;
    const end = performance.now() + seconds * 1000;
    let workerDeaths = 0;
    while (!this.#ledger.isFull && performance.now() < end) {
      const planned = this.#plan.next();
      this.#wishes = planned.acts;
      const what = await this.#kill(planned);
      this.#kills += 1;
      this.#ledger.noteDeath(what);
      workerDeaths += 1;
      if (workerDeaths > WORKER_DEATHS) {
        workerDeaths = 0;
        await this.#replicas.renewWorkers();
      }
      await this.#gate.close();
      await this.#replicas.start();
      await this.#audit(this.#replicas.some(this.#random));
      this.#gate.open();
      if (this.#kills % 20 === 0) say(this.#progress());
    }
    await this.#gate.close();
  }

  #audit(replica: Replica): Promise<void> {
    return this.#unharmed(() => new Audit(this.#auditor, replica).all());
  }

  /** Looks at what is there while nobody is killed: a registry that gives no answer then has ended by itself. */
  async #unharmed(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      this.#ledger.found('wrong', 'the registry', `nobody was killed, and no answer came: ${error.message}`);
    }
  }

  /** Has somebody killed. Gives how. */
  async #kill(planned: PlannedKill): Promise<string> {
    const { point, within } = planned;
    if (point !== undefined) await this.#replicas.arm(point);
    await this.#replicas.death(within);
    const isHit = point !== undefined && (await this.#replicas.disarm());
    if (isHit) {
      this.#plan.hit(planned);
      return `${point.phase} step '${point.step}'`;
    }
    await this.#replicas.killSome(this.#random);
    return 'at some time';
  }

  /** Before the first kill, everything is done that can be: so the first kill finds all there is to lose. */
  async #begin(client: Client): Promise<void> {
    try {
      for (const name of actNames) {
        for (let tries = 0; tries < TRIES && !(await this.#act(client, name)); tries += 1);
      }
    } catch (error) {
      // The client has written down that nobody has died, or the registry that it has ended by itself.
      if (!(error instanceof Unanswered)) throw error;
    }
  }

  async #work(client: Client): Promise<void> {
    for (;;) {
      const wished = this.#wishes.length > 0 && client.random.chance(0.5);
      try {
        await this.#act(client, client.random.pick(wished ? this.#wishes : habits));
      } catch (error) {
        if (error instanceof RunIsOver) return;
        if (!(error instanceof Unanswered)) throw error;
      }
    }
  }

  async #act(client: Client, name: ActName): Promise<boolean> {
    const isDone = await acts[name](client);
    if (isDone) this.#done.add(name);
    return isDone;
  }

  #progress(): string {
    const { requests, findings } = this.#ledger;
    const { missed, moments } = this.#plan;
    return `${this.#kills} kills, ${requests} requests, ${moments - missed.length} of ${moments} moments hit, ${findings.length} findings`;
  }
}
