import type { Handler } from './routes.ts';

/** end-1: whether this is a registry, and whether the credentials are good. */
export const getBase: Handler<'base'> = (_parts, { context }) => {
  context.send(200, { 'content-type': 'application/json' }, '{}');
  return [];
};
