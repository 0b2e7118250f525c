import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { CallCounts } from './call-counts.ts';
import { DistantDriver } from './distant-driver.ts';
import { diceOf, TroubledLine, type Troubles } from './troubled-line.ts';

export { CallCounts, type CallEnd, type VerbCounts } from './call-counts.ts';
export { DistantDriver } from './distant-driver.ts';
export type { Passage, StorageCall, Verb } from './passage.ts';
export { diceOf, TroubledLine, type Clock, type Troubles } from './troubled-line.ts';

interface Options extends Troubles {
  readonly partSize: number;
  readonly seed: number;
}

const share = { type: 'number', minimum: 0, maximum: 1, default: 0 } as const;

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['latency', 'jitter', 'callsPerSecond', 'failures', 'lostAnswers', 'partSize', 'seed'],
  properties: {
    latency: {
      type: 'number',
      minimum: 0,
      default: 20,
      description: 'Milliseconds each call takes at least, besides what the storage takes.',
    },
    jitter: {
      type: 'number',
      minimum: 0,
      default: 20,
      description: 'Up to so many milliseconds more, another number for each call.',
    },
    callsPerSecond: {
      type: 'integer',
      minimum: 1,
      default: 3500,
      description: 'Calls beyond are refused, as a bucket that throttles does.',
    },
    failures: { ...share, description: 'Share of calls that fail and have not happened.' },
    lostAnswers: { ...share, description: 'Share of calls that happen, and their answer is lost.' },
    partSize: {
      type: 'integer',
      minimum: 1,
      default: 8 * 1024 ** 2,
      description: 'Bytes of a part of a large object, of which buckets demand some mebibytes.',
    },
    seed: {
      type: 'integer',
      minimum: 0,
      default: 1,
      description: 'The same seed gives the same latencies and failures, call by call.',
    },
  },
};

/** Makes any storage behave like a distant one, and says in the log how often it was called. */
export default definePlugin<Options, Partial<Options>>({
  name: 'storage-simulator',
  schema,
  setup({ name, hooks, options, log }) {
    const counts = new CallCounts();
    hooks.wrapStorage.tap(name, (driver) => {
      const line = new TroubledLine(options, counts, diceOf(options.seed));
      return new DistantDriver(driver, line, options.partSize);
    });
    return {
      start: async () => {
        log.warn({ ...options }, 'storage is made slow on purpose');
      },
      stop: async () => {
        if (counts.total > 0) log.info({ calls: counts.total, ...counts.byVerb }, 'storage calls');
      },
    };
  },
});
