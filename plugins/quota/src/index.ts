import { definePlugin, RegistryError, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { Ledger } from './ledger.ts';
import { covers, sizeOf, type Limit } from './limits.ts';

interface Options {
  readonly limits: readonly Limit[];
  readonly recount: number;
  readonly exchange: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['limits', 'recount', 'exchange'],
  properties: {
    limits: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['repositories', 'bytes'],
        properties: {
          repositories: {
            type: 'string',
            description:
              'The repository of this name and all below it together, such as `team`; empty for all repositories. Every limit that fits counts.',
          },
          bytes: { type: 'integer', minimum: 0, description: 'What they may take.' },
        },
      },
      description: 'Which repositories may take how much.',
    },
    recount: {
      type: 'integer',
      minimum: 60,
      maximum: 7 * 24 * 3600,
      default: 3600,
      description: 'Seconds after which one of the processes counts anew what is stored.',
    },
    exchange: {
      type: 'integer',
      minimum: 1,
      maximum: 600,
      default: 10,
      description: 'Seconds after which the processes tell each other what they have accepted.',
    },
  },
};

/** Limits what repositories may take. */
export default definePlugin<Options, Pick<Options, 'limits'> & Partial<Options>>({
  name: 'quota',
  schema,
  setup(context) {
    const { name, hooks, options, log } = context;
    const { limits, recount, exchange } = options;
    let ledger: Ledger | undefined;
    let timer: NodeJS.Timeout | undefined;
    let working: Promise<void> = Promise.resolve();
    const stopped = new AbortController();
    const { signal } = stopped;

    const work = async (): Promise<void> => {
      try {
        await ledger?.exchange();
        if ((await ledger?.recount()) === true) await ledger?.exchange();
      } catch (error) {
        log.warn({ err: error }, 'what repositories take could not be looked up; what is known counts on');
      }
      if (!signal.aborted) timer = setTimeout(again, exchange * 1000).unref();
    };

    const again = (): void => {
      working = work();
    };

    hooks.admit.tap(name, ({ repository, bytes }) => {
      for (const limit of limits) {
        if (!covers(limit, repository)) continue;
        const used = ledger?.used(limit);
        if (used === undefined || (used < limit.bytes && used + bytes <= limit.bytes)) continue;
        const whose = limit.repositories === '' ? 'all repositories' : `'${limit.repositories}'`;
        throw new RegistryError(
          'DENIED',
          `the quota of ${whose} is ${sizeOf(limit.bytes)}, and ${sizeOf(used)} of it are taken: delete manifests that nobody needs, or have the quota raised; space counts as free once it has been collected and counted`,
        );
      }
    });
    hooks.record.tap(name, (events) => {
      for (const { action, repository, target } of events)
        if (action === 'push' || action === 'mount') ledger?.add(repository, target.size);
    });
    return {
      async start() {
        const storage = context.storage();
        if (storage === undefined) return;
        const usage = (): ReturnType<typeof context.usage> => context.usage();
        ledger = new Ledger({ storage, usage, limits, recount: recount * 1000, log, signal });
        await ledger.exchange();
        again();
      },
      async stop() {
        stopped.abort();
        clearTimeout(timer);
        await working;
        try {
          await ledger?.exchange();
        } catch (error) {
          log.warn({ err: error }, 'what was accepted last could not be told; the next count has it');
        }
      },
    };
  },
});
