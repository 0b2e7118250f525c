import { definePlugin, type EventAction, type JSONSchemaType } from '@entrepot/plugin-sdk';

interface Options {
  readonly actions: readonly EventAction[];
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['actions'],
  properties: {
    actions: {
      type: 'array',
      items: { type: 'string', enum: ['push', 'pull', 'mount', 'delete', 'tag'] },
      default: ['push', 'pull', 'mount', 'delete', 'tag'],
      description: 'What is told; the rest is left out.',
    },
  },
};

/** Prints a line for everything that happens. */
export default definePlugin<Options, Partial<Options>>({
  name: 'events-console',
  schema,
  setup({ name, hooks, options }) {
    hooks.event.tap(name, ({ time, actor = 'somebody', action, kind, repository, tag, target }) => {
      if (!options.actions.includes(action)) return;
      const what = tag === undefined ? `${repository}@${target.digest}` : `${repository}:${tag}`;
      process.stdout.write(`${time} ${actor} ${action} ${kind} ${what}\n`);
    });
  },
});
