import { AsyncLocalStorage } from 'node:async_hooks';
import { hash } from 'node:crypto';
import { isStorageError, type StorageDriver } from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { Actor } from './actor.ts';
import { KeyNames } from './key-names.ts';
import { SteppingDriver, type DriverTraits } from './stepping-driver.ts';

/** Bytes the backend of a stage holds at most. */
const MAX_BYTES = 16 * 1024 * 1024;
const DIES = ' dies';

/** One call of the driver. */
export interface Call<Result> {
  /** `read`, `write` … */
  readonly verb: string;
  readonly key: string;
  readonly perform: () => Promise<Result>;
  /** What it leaves under the key: a version of its own, one that continues what was there, or nothing. */
  readonly leaves?: 'version' | 'continuation' | 'nothing';
  /** What the caller gets to see of it, in words. Left out: what is under the key. */
  readonly sees?: (result: Result) => string;
  /** Told what is under the key afterwards. */
  readonly remember: (name: string, content: string | undefined) => void;
}

/**
 * A backend on which nothing happens by itself: each storage call of an {@link Actor} waits until the test lets it go,
 * so the test decides in which order calls take place. Between two decisions every actor runs until it waits again or
 * is done. Calls from outside of all actors, those of preparations and checks, pass at once.
 */
export class Stage {
  readonly #memory = new Memory(MAX_BYTES);
  readonly #inner: StorageDriver = new MemoryDriver(this.#memory);
  readonly #actors = new Map<string, Actor>();
  readonly #current = new AsyncLocalStorage<Actor>();
  readonly #held = new Map<string, { readonly actor: Actor; readonly go: () => void }>();
  readonly #names: KeyNames = new KeyNames();
  /** Which call left what is under a key. */
  readonly #contents = new Map<string, string>();
  /** Unfinished objects that have been begun. */
  #uploads = 0;
  readonly #drivers: SteppingDriver[] = [];
  readonly #schedule: string[] = [];

  /** With `template`, what is stored there is here from the start. */
  constructor(template?: Stage) {
    if (template === undefined) return;
    this.#names = new KeyNames(template.#names);
    this.#contents = new Map(template.#contents);
    this.#uploads = template.#uploads;
    copyMemory(template.#memory, this.#memory, this.#uploads);
  }

  /** A driver of this backend, as each process has one of its own. */
  driver({ partSize = 1, completesTwice = false }: Partial<DriverTraits> = {}): StorageDriver {
    const driver = new SteppingDriver(this, this.#inner, { partSize, completesTwice });
    this.#drivers.push(driver);
    return driver;
  }

  /** Begins `work` and lets it run until it waits for the first time. */
  async enter(name: string, work: () => Promise<unknown>): Promise<void> {
    const actor = new Actor(name);
    this.#actors.set(name, actor);
    this.#current.run(actor, () => {
      actor.begin(work);
    });
    await quiet();
  }

  /** What can happen next, in a fixed order: `A write repos/…`. With `deaths`, the death of an actor is part of it. */
  choices({ deaths = false } = {}): string[] {
    const calls = [...this.#held.keys()].sort();
    if (!deaths) return calls;
    const names = new Set([...this.#held.values()].map(({ actor }) => actor.name));
    return [...calls, ...[...names].sort().map((name) => name + DIES)];
  }

  /** Lets one of {@link choices} happen. Who dies never gets another answer from storage. */
  async choose(choice: string): Promise<void> {
    this.#schedule.push(choice);
    const dying = choice.endsWith(DIES) ? this.#actors.get(choice.slice(0, -DIES.length)) : undefined;
    if (dying !== undefined) {
      dying.die();
      for (const [label, { actor }] of this.#held) if (actor === dying) this.#held.delete(label);
      return;
    }
    const call = this.#held.get(choice);
    if (call === undefined) throw new Error(`nothing waits to '${choice}': the scene is not deterministic`);
    this.#held.delete(choice);
    call.go();
    await quiet();
  }

  /** Keys of the objects that have been begun and neither completed nor aborted. */
  unfinished(): string[] {
    const ids = Array.from({ length: this.#uploads }, (_, index) => String(index + 1));
    return ids.flatMap((id) => this.#memory.upload(id)?.key ?? []);
  }

  /** What has happened so far. */
  get schedule(): readonly string[] {
    return this.#schedule;
  }

  get actors(): readonly Actor[] {
    return [...this.#actors.values()];
  }

  /**
   * A name of the present state: where it is the same in two runs, the same can happen from there on. What is stored is
   * told by the call that left it; where an actor stands, by what it has seen, and what its process may remember, by
   * what any actor of it has seen: nothing else makes them differ.
   */
  state(): string {
    const contents = [...this.#contents].sort().map(([key, left]) => `${key}=${left}`);
    const actors = this.actors.map((actor) => actor.state());
    const processes = this.#drivers.map((driver) => driver.memory());
    return hash('sha1', [...contents, ...actors, ...processes].join('\n'), 'base64url');
  }

  /** Called by the driver for each call it gets. */
  async call<Result>({ verb, key, perform, leaves, sees, remember }: Call<Result>): Promise<Result> {
    const actor = this.#current.getStore();
    const name = this.nameOf(key);
    const label = actor?.label(`${verb} ${name}`) ?? `setup ${verb} ${name}`;
    if (actor !== undefined) await new Promise<void>((go) => this.#held.set(label, { actor, go }));
    try {
      const result = await perform();
      const before = this.#contents.get(name);
      if (verb === 'createUpload') this.#uploads += 1;
      if (leaves === 'version') this.#contents.set(name, label);
      if (leaves === 'continuation') this.#contents.set(name, `${before ?? ''} ${label}`);
      if (leaves === 'nothing') this.#contents.delete(name);
      remember(name, this.#contents.get(name));
      actor?.see(label, sees?.(result) ?? before ?? 'nothing');
      return result;
    } catch (error) {
      if (!isStorageError(error)) throw error;
      actor?.see(label, error.code);
      throw error;
    }
  }

  /** Something else an actor does when it is let go. */
  step(what: string, perform: () => Promise<void>): Promise<void> {
    return this.call({ verb: what, key: '', perform, remember: () => undefined });
  }

  /** The key with random parts replaced by names that are the same in every run. */
  nameOf(key: string): string {
    return this.#names.of(key, this.#current.getStore()?.name ?? 'setup');
  }
}

/** Copies all objects, and the unfinished ones, of which `uploads` have been begun, under the names they have. */
function copyMemory(from: Memory, to: Memory, uploads: number): void {
  for (const key of from.keys('', undefined, 1_000_000).keys) to.put(key, from.get(key)?.parts ?? []);
  for (let begun = 0; begun < uploads; begun += 1) {
    const id = to.begin('');
    const upload = from.upload(id);
    if (upload === undefined) to.forget(id);
    else to.keep(upload);
  }
}

/** Returns when every actor waits for storage or is done: what the store does in between waits for promises alone. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
