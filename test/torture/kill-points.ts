import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { definePlugin, type StorageDriver } from '@entrepot/plugin-sdk';
import { steps, stepOf, type Call, type StepName } from './steps.ts';

/** When a process is to be killed: at which of its calls that are this step (from 1), and when about it. */
export interface KillPoint {
  readonly step: StepName;
  readonly nth: number;
  readonly phase: 'before' | 'during' | 'after';
}

/** Milliseconds between two looks at whether a point has been set. */
const LOOK_EVERY = 10;

/** Where a point is set, and where the file goes when a process dies at it: whoever moves it is the one that dies. */
export const pointFile = (folder: string): string => join(folder, 'kill-point.json');
export const firedFile = (folder: string): string => join(folder, 'kill-point-fired.json');

interface Options {
  readonly folder: string;
}

/**
 * Kills its own process at a step, as a crash would: nothing is cleaned up, nobody is told. The point is read from
 * a file while the registry runs; among several processes the first one to get there dies, and only that one.
 */
export default definePlugin<Options>({
  name: 'torture-kill-points',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['folder'],
    properties: { folder: { type: 'string' } },
  },
  setup({ name, hooks, options: { folder } }) {
    const killer = new Killer(folder);
    hooks.wrapStorage.tap(name, (driver) => wrapped(driver, killer));
    return { start: async () => killer.start(), stop: async () => killer.stop() };
  },
});

class Killer {
  readonly #folder: string;
  #point: KillPoint | undefined;
  #calls = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Makes a call of the driver, and dies of it if it is the one. */
  async call<Result>(call: Call, perform: () => Promise<Result>): Promise<Result> {
    const phase = this.#phaseOf(call);
    if (phase === undefined) return perform();
    if (phase === 'before') this.#die();
    const performing = perform();
    if (phase === 'during') setImmediate(() => this.#die());
    const result = await performing;
    this.#die();
    return result;
  }

  #phaseOf(call: Call): KillPoint['phase'] | undefined {
    const point = this.#point;
    if (point === undefined || stepOf(call) !== point.step) return undefined;
    this.#calls += 1;
    return this.#calls === point.nth ? point.phase : undefined;
  }

  #look(): void {
    const point = readPoint(pointFile(this.#folder));
    if (JSON.stringify(point) === JSON.stringify(this.#point)) return;
    this.#point = point;
    this.#calls = 0;
  }

  #die(): void {
    try {
      renameSync(pointFile(this.#folder), firedFile(this.#folder));
    } catch {
      // Another process was first, or the point has been taken back.
      return;
    }
    process.kill(process.pid, 'SIGKILL');
  }
}

/** The point that is set; `undefined` when none is. */
function readPoint(file: string): KillPoint | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed: unknown = JSON.parse(text);
  const { step, nth, phase } = { step: '', nth: 0, phase: '', ...(isObject(parsed) ? parsed : {}) };
  const known = steps.find(({ name }) => name === step);
  if (known === undefined || !isPhase(phase)) throw new TypeError(`this is no kill point: ${text}`);
  return { step: known.name, nth, phase };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isPhase(value: unknown): value is KillPoint['phase'] {
  return value === 'before' || value === 'during' || value === 'after';
}

function wrapped(driver: StorageDriver, killer: Killer): StorageDriver {
  return {
    partSize: (offset) => driver.partSize(offset),
    read: (key, known) => killer.call({ verb: 'read', key }, () => driver.read(key, known)),
    size: (key) => killer.call({ verb: 'size', key }, () => driver.size(key)),
    list: (key, options) => killer.call({ verb: 'list', key }, () => driver.list(key, options)),
    open: (key, range) => killer.call({ verb: 'open', key }, () => driver.open(key, range)),
    write: (key, bytes, options) =>
      killer.call({ verb: 'write', key, bytes, options }, () => driver.write(key, bytes, options)),
    delete: (key, options) => killer.call({ verb: 'delete', key }, () => driver.delete(key, options)),
    createUpload: (key) => killer.call({ verb: 'createUpload', key }, () => driver.createUpload(key)),
    uploadPart: (upload, part) =>
      killer.call({ verb: 'uploadPart', key: upload.key }, () => driver.uploadPart(upload, part)),
    completeUpload: (upload, last) =>
      killer.call({ verb: 'completeUpload', key: upload.key }, () => driver.completeUpload(upload, last)),
    abortUpload: (upload) =>
      killer.call({ verb: 'abortUpload', key: upload.key }, () => driver.abortUpload(upload)),
  };
}
