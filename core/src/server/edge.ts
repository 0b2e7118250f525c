import type { IncomingMessage } from 'node:http';
import type { Hooks } from '@entrepot/plugin-sdk';
import type { Logger } from '../log.ts';
import type { PluginHealth } from '../plugins/plugin-host.ts';
import { answerJson, answerNotFound, type RequestListener } from './answer.ts';

/** Whether a registry can do its work. */
export interface RegistryHealth {
  readonly ready: boolean;
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped';
  readonly plugins: readonly PluginHealth[];
}

export interface EdgeParts {
  readonly hooks: Hooks;
  readonly log: Logger;
  /** Takes everything under `/v2`. */
  readonly dispatch: RequestListener;
  readonly health: () => Promise<RegistryHealth>;
}

/**
 * What every request meets first: the probes, then the middleware of plugins if there is any, then the registry.
 * Liveness asks nobody, so that a slow backend gets no process killed; readiness asks every plugin.
 * @throws whatever a tap of `middleware` throws.
 */
export async function createEdge({ hooks, log, dispatch, health }: EdgeParts): Promise<RequestListener> {
  const registry: RequestListener = (request, response) => {
    const path = pathOf(request);
    if (path === '/v2' || path.startsWith('/v2/')) dispatch(request, response);
    else answerNotFound(response, log);
  };
  const behind = hooks.middleware.isUsed()
    ? (await import('./app.ts')).createApp(hooks.middleware, registry, log)
    : registry;

  let told = '';
  const tellReasons = ({ ready, plugins }: RegistryHealth): void => {
    const ill = plugins.filter(({ healthy }) => !healthy);
    const reasons = JSON.stringify(ill);
    if (ill.length > 0 && reasons !== told)
      log.warn(
        { plugins: ill },
        ready
          ? 'plugins are not well that the registry can do without'
          : 'plugins are not well: the registry is not ready',
      );
    told = reasons;
  };

  return (request, response) => {
    useOriginForm(request);
    switch (pathOf(request)) {
      case '/livez':
        answerJson(response, 200, '{"state":"alive"}');
        break;
      case '/readyz':
        void health().then((found) => {
          tellReasons(found);
          answerJson(response, found.ready ? 200 : 503, JSON.stringify(withoutReasons(found)));
        });
        break;
      default:
        behind(request, response);
    }
  };
}

/** Everybody may ask, and reasons name paths and hosts: those are in the log, and at the address for operators. */
function withoutReasons({ ready, state, plugins }: RegistryHealth): RegistryHealth {
  const shown = plugins.map(({ name, healthy, optional }) => {
    return optional === true ? { name, healthy, optional } : { name, healthy };
  });
  return { ready, state, plugins: shown };
}

function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

/** A request line may name the whole URL, and servers have to take it (RFC 9112, 3.2.2). */
function useOriginForm(request: IncomingMessage): void {
  if (request.url?.startsWith('/') === false) request.url = request.url.replace(/^https?:\/\/[^/?#]*/i, '');
}
