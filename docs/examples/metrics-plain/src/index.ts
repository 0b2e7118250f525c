import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';

interface Options {
  readonly path: string;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      pattern: '^/[a-z/-]+$',
      default: '/metrics',
      description: 'Where they are read.',
    },
  },
};

/** Counts answers, and shows the counts as plain text, in the format that Prometheus reads. */
export default definePlugin<Options, Partial<Options>>({
  name: 'metrics-plain',
  schema,
  setup({ name, hooks, options }) {
    // Endpoints, methods and statuses are few, so there is no need to bound this.
    const counts = new Map<string, number>();
    const add = (series: string, amount: number): void => {
      counts.set(series, (counts.get(series) ?? 0) + amount);
    };

    hooks.response.tap(name, ({ endpoint, method, status, bytes }) => {
      add(`entrepot_answers_total{endpoint="${endpoint}",method="${method}",status="${status}"}`, 1);
      add(`entrepot_answer_bytes_total{endpoint="${endpoint}"}`, bytes);
    });
    hooks.middleware.tap(name, (router) => {
      router.get(options.path, (_request, response) => {
        response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
        response.end([...counts].map(([series, count]) => `${series} ${count}\n`).join(''));
      });
    });
  },
});
