import type { Hooks, Logger } from '@entrepot/plugin-sdk';
import type { ApiSettings, RegistryParts } from '../api/registry-parts.ts';
import { Redirects } from '../api/redirects.ts';
import { operationFor } from '../api/routes.ts';
import { Gatekeeper } from '../auth/gatekeeper.ts';
import { EventBus, type Happening } from '../events/event-bus.ts';
import { Clients, type ProxySettings } from '../http/clients.ts';
import { matchRoute } from '../http/match-route.ts';
import { Query } from '../http/query.ts';
import { ConnectionLost, RequestContext } from '../http/request-context.ts';
import { clientError, sendError } from '../http/send-error.ts';
import { discardUnreadBody } from '../http/unread-body.ts';
import type { Store } from '../store/index.ts';
import { waitAtMost } from '../time-limit.ts';
import type { RequestListener } from './answer.ts';

export interface DispatchParts {
  readonly hooks: Hooks;
  readonly store: Store;
  readonly config: ApiSettings & {
    readonly http: ProxySettings;
    readonly log: { readonly access: boolean };
  };
  readonly log: Logger;
}

export interface Dispatch {
  /** Answers everything under `/v2`. */
  readonly handle: RequestListener;
  /**
   * Waits, at most so many milliseconds, until the taps have heard of all that has been answered. For a registry that
   * stops, when no more requests come.
   */
  drain(milliseconds: number): Promise<void>;
}

/** The life of a request: match, admit, answer, then tell the taps and the log. Made once all plugins are set up. */
export function createDispatch({ hooks, store, config, log }: DispatchParts): Dispatch {
  /** Requests whose life is not over: an answer is received before its event is published. */
  let serving = 0;
  let becameIdle: (() => void) | undefined;
  const gatekeeper = new Gatekeeper(hooks, (repository) => store.catalog.has(repository));
  const bus = new EventBus(hooks, log);
  const redirects = new Redirects(config.redirects, store.blobUrls, log);
  const clients = new Clients(config.http);
  const parts: RegistryParts = { store, hooks, gatekeeper, redirects, settings: config };

  async function answer(context: RequestContext): Promise<readonly Happening[]> {
    const url = context.request.url ?? '';
    const mark = url.indexOf('?');
    const route = matchRoute(mark === -1 ? url : url.slice(0, mark));
    context.route = route;
    const operation = operationFor(route, context.method);
    const query = mark === -1 ? Query.none : Query.parse(url.slice(mark + 1));
    if (!gatekeeper.isOpen) context.identity = await gatekeeper.admit(context, operation.access(route));
    return operation.handle(parts, { context, route, query });
  }

  function refuse(context: RequestContext, thrown: unknown): void {
    const error = clientError(thrown);
    if (thrown instanceof ConnectionLost) context.cut();
    else if (error.status >= 500 || context.isAnswered)
      log.error({ err: thrown, reqId: context.requestId }, 'request failed');
    if (context.isAnswered) context.cut();
    else if (!(thrown instanceof ConnectionLost)) sendError(context, error);
  }

  function report(context: RequestContext, milliseconds: number): void {
    const { requestId, method, route, status, sentBytes, digest, identity } = context;
    const endpoint = route?.endpoint ?? 'unknown';
    const repository = route !== undefined && 'repository' in route ? route.repository : undefined;
    if (config.log.access) {
      log.info(
        {
          reqId: requestId,
          method,
          endpoint,
          repository,
          digest,
          status,
          bytes: sentBytes,
          ms: milliseconds,
          actor: identity?.subject,
        },
        'request',
      );
    }
    if (!hooks.response.isUsed()) return;
    try {
      const place = repository === undefined ? {} : { repository };
      hooks.response.call({ requestId, method, endpoint, ...place, status, bytes: sentBytes, milliseconds });
    } catch (error) {
      log.error({ err: error, reqId: requestId }, 'a response tap failed');
    }
  }

  async function serve(context: RequestContext): Promise<void> {
    const began = performance.now();
    serving += 1;
    try {
      const happenings = await answer(context);
      if (happenings.length > 0 && bus.isUsed) bus.publish(context, happenings);
    } catch (error) {
      refuse(context, error);
    }
    discardUnreadBody(context.request);
    report(context, Math.round((performance.now() - began) * 1000) / 1000);
    serving -= 1;
    if (serving === 0) becameIdle?.();
  }

  return {
    handle: (request, response) => void serve(new RequestContext(request, response, clients)),
    async drain(milliseconds) {
      const began = performance.now();
      if (serving > 0) {
        const idle = new Promise<void>((resolve) => {
          becameIdle = resolve;
        });
        await waitAtMost(milliseconds, idle);
      }
      await bus.drain(Math.max(0, milliseconds - (performance.now() - began)));
    },
  };
}
