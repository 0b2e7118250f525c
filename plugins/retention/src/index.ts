import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import type { KeepOptions } from './keep-rule.ts';
import { PullLog } from './pull-log.ts';
import { PullRecords } from './pull-records.ts';
import { Rules, type PolicyOptions } from './rules.ts';

export type { KeepOptions } from './keep-rule.ts';
export type { PolicyOptions } from './rules.ts';

interface Options {
  readonly interval: number;
  readonly policies: readonly PolicyOptions[];
}

/** What is written into the configuration. */
export interface RetentionInput {
  readonly interval?: number;
  readonly policies: readonly PolicyOptions[];
}

const MAX_SECONDS = 100 * 365 * 86_400;
const patterns = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 } as const;
const count = { type: 'integer', minimum: 1, maximum: 1_000_000, nullable: true } as const;
const seconds = { type: 'integer', minimum: 1, maximum: MAX_SECONDS, nullable: true } as const;

const keep: JSONSchemaType<KeepOptions> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      nullable: true,
      description: 'What the rule is called in reports.',
    },
    tags: {
      ...patterns,
      nullable: true,
      description: 'Tags the rule is about, all when left out; `*` is any characters.',
    },
    always: { type: 'boolean', nullable: true, description: 'Keeps all of them.' },
    semver: {
      type: 'string',
      nullable: true,
      description: 'Keeps those that are versions in this range, with or without a `v`: `>=1.2 <3`.',
    },
    includePrerelease: {
      type: 'boolean',
      nullable: true,
      description:
        'Whether versions such as `1.3.0-rc.1` are in a range of `semver` that does not name them.',
    },
    lastPushed: { ...count, description: 'Keeps so many, those that were pushed last.' },
    lastPulled: {
      ...count,
      description:
        'Keeps so many, those that were pulled last, or pushed if they have not been pulled since.',
    },
    pushedWithin: { ...seconds, description: 'Keeps those that were pushed within so many seconds.' },
    pulledWithin: {
      ...seconds,
      description: 'Keeps those that were pulled or pushed within so many seconds.',
    },
  },
};

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['interval', 'policies'],
  properties: {
    interval: {
      type: 'integer',
      minimum: 60,
      maximum: 365 * 86_400,
      default: 86_400,
      description: 'Seconds between the end of a run and the next.',
    },
    policies: {
      type: 'array',
      maxItems: 1000,
      description:
        'The first whose patterns fit a repository has it alone; in repositories of none all tags stay.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['repositories', 'keep'],
        properties: {
          repositories: {
            ...patterns,
            description:
              'Names of repositories: `*` is any characters within a path component, `**` one or more components.',
          },
          keep: {
            type: 'array',
            items: keep,
            minItems: 1,
            maxItems: 100,
            description: 'Rules: a tag stays if any of them keeps it.',
          },
        },
      },
    },
  },
};

/** Which tags stay, by when they were pushed and pulled, by version and by pattern. The registry deletes the others. */
export default definePlugin<Options, RetentionInput>({
  name: 'retention',
  schema,
  setup(context) {
    const { name, hooks, options, log } = context;
    const rules = new Rules(options.policies);
    const pulls = new PullLog({ log, now: Date.now, dropped: () => context.figures().events.dropped });
    hooks.retention.tap(name, () => ({
      interval: options.interval * 1000,
      isAbout: (repository) => rules.isAbout(repository),
      judge: async (repository, tags) => {
        const now = Date.now();
        const driver = rules.needsPulls(repository) ? context.storage() : undefined;
        const known =
          driver === undefined
            ? { unknownUntil: now, of: () => undefined }
            : await new PullRecords(driver).known(repository, now);
        return rules.judge(repository, tags, known, now);
      },
    }));
    hooks.event.tap(name, ({ action, kind, repository, tag, target }) => {
      if (action === 'pull' && kind === 'manifest' && rules.needsPulls(repository))
        pulls.note(repository, tag ?? target.digest);
    });
    return {
      // Where nothing is served there is nothing to record.
      start: async () => {
        const driver = context.storage();
        if (driver !== undefined) await pulls.open(driver);
      },
      stop: () => pulls.close(),
    };
  },
});
