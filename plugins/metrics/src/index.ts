import { definePlugin, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { Exposition } from './exposition.ts';
import { Measurements } from './measurements.ts';
import { RuntimeMetrics } from './runtime-metrics.ts';
import { RegistryMetrics } from './registry-metrics.ts';
import { answerAuthorized, answerMetrics } from './endpoint.ts';

interface Options {
  readonly at: 'diagnostics' | 'registry';
  readonly path: string;
  readonly repositories: readonly string[];
  readonly maxRepositories: number;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['at', 'path', 'repositories', 'maxRepositories'],
  properties: {
    at: {
      type: 'string',
      enum: ['diagnostics', 'registry'],
      default: 'diagnostics',
      description:
        'Where they are: `diagnostics`, the address for operators, open to whoever reaches it; `registry`, where clients are served, for who may read the catalog.',
    },
    path: {
      type: 'string',
      pattern: '^(?:/[A-Za-z0-9._~-]+)+$',
      default: '/metrics',
      description: 'The path of the endpoint.',
    },
    repositories: {
      type: 'array',
      items: { type: 'string', pattern: '^(?:\\*|[a-z0-9][a-z0-9._/-]*\\*?)$' },
      default: [],
      description:
        'Repositories that get series of their own: names, or beginnings of names with a `*` behind. Each costs four series.',
    },
    maxRepositories: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description:
        'The most repositories with series of their own; those that come later are counted together.',
    },
  },
};

/** Counts and times what a registry does, for Prometheus. */
export default definePlugin<Options, Partial<Options>>({
  name: 'metrics',
  schema,
  optional: true,
  setup({ name, hooks, options, figures, siblings, decisions, inherited }) {
    const { at, path } = options;
    const labels = siblings.worker === undefined ? {} : { worker: String(siblings.worker) };
    const measurements =
      inherited instanceof Measurements && inherited.fits(options)
        ? inherited
        : new Measurements(options, labels);
    const registryMetrics = new RegistryMetrics(figures, labels);
    const runtimeMetrics = new RuntimeMetrics(labels);
    const exposition = new Exposition([measurements, registryMetrics, runtimeMetrics], siblings);

    hooks.wrapStorage.tap(name, (driver) => measurements.around(driver));
    hooks.response.tap(name, (report) => measurements.count(report));
    if (at === 'diagnostics') {
      hooks.diagnostics.tap(name, (routes) => {
        routes.get(path, (_request, response) => answerMetrics(exposition, response));
      });
    } else {
      hooks.middleware.tap(name, (router) => {
        router.get(path, (request, response, next) => {
          answerAuthorized(exposition, decisions, request, response).catch(next);
        });
      });
    }
    return {
      start: async () => runtimeMetrics.start(),
      stop: async () => runtimeMetrics.stop(),
      handOver: () => measurements,
    };
  },
});
