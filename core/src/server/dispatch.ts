import type { Hooks, Logger, RegistryEvent, RegistryFigures, Tracer } from '@entrepot/plugin-sdk';
import { openUpload } from '../api/open-upload.ts';
import type { ApiSettings, RegistryParts } from '../api/registry-parts.ts';
import { Redirects } from '../api/redirects.ts';
import { operationFor } from '../api/routes.ts';
import { Gatekeeper } from '../auth/gatekeeper.ts';
import type { AuditTrail } from '../events/audit-trail.ts';
import { EventBus } from '../events/event-bus.ts';
import { EventRecorder } from '../events/event-recorder.ts';
import { Clients, type ProxySettings } from '../http/clients.ts';
import { matchRoute } from '../http/match-route.ts';
import { Query } from '../http/query.ts';
import { ConnectionLost, RequestContext } from '../http/request-context.ts';
import { clientError, sendError } from '../http/send-error.ts';
import { discardUnreadBody } from '../http/unread-body.ts';
import type { Store } from '../store/index.ts';
import { waitAtMost } from '../time-limit.ts';
import { AccessLog, type AccessLogSettings } from './access-log.ts';
import type { RequestListener } from './answer.ts';

export interface DispatchParts {
  readonly hooks: Hooks;
  readonly store: Store;
  readonly config: ApiSettings & { readonly http: ProxySettings; readonly log: AccessLogSettings };
  readonly log: Logger;
  /** The log of a part: `access`, `events`. */
  readonly logOf: (part: 'access' | 'events') => Logger;
  readonly audit: AuditTrail;
  /** Follows requests, when a plugin wants to. */
  readonly tracer: Tracer | undefined;
}

export interface Dispatch {
  /** Answers everything under `/v2`. */
  readonly handle: RequestListener;
  readonly figures: Pick<RegistryFigures, 'requests' | 'events'>;
  /**
   * Waits, at most so many milliseconds, until the taps have heard of all that has been answered. For a registry that
   * stops, when no more requests come.
   */
  drain(milliseconds: number): Promise<void>;
}

/** The life of a request: match, admit, answer, then tell the taps and the log. Made once all plugins are set up. */
export function createDispatch({ hooks, store, config, log, logOf, audit, tracer }: DispatchParts): Dispatch {
  /** Requests whose life is not over: an answer is received before its event is published. */
  let serving = 0;
  let becameIdle: (() => void) | undefined;
  const gatekeeper = new Gatekeeper(hooks, (repository) => store.catalog.has(repository), audit);
  const bus = new EventBus(hooks, logOf('events'));
  const redirects = new Redirects(config.redirects, store.blobUrls, log);
  const clients = new Clients(config.http);
  const accessLog = new AccessLog(config.log, logOf('access'));
  const parts: RegistryParts = {
    store,
    hooks,
    gatekeeper,
    redirects,
    recorder: new EventRecorder(hooks),
    settings: config,
  };

  async function answer(context: RequestContext): Promise<readonly RegistryEvent[]> {
    const url = context.request.url ?? '';
    const mark = url.indexOf('?');
    const route = matchRoute(mark === -1 ? url : url.slice(0, mark));
    context.route = route;
    const operation = operationFor(route, context.method);
    const query = mark === -1 ? Query.none : Query.parse(url.slice(mark + 1));
    if (!gatekeeper.isOpen) {
      const upload =
        route.endpoint === 'upload' ? openUpload(store.uploads.tickets, route, query) : undefined;
      const access = operation.access(route);
      context.identity = await step('admit', () => gatekeeper.admit(context, access, upload));
    }
    return step(route.endpoint, () => operation.handle(parts, { context, route, query }));
  }

  /** A hook that nobody taps costs a comparison. */
  function step<Result>(name: string, work: () => Result | Promise<Result>): Result | Promise<Result> {
    return tracer === undefined ? work() : tracer.step(name, async () => work());
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
    const { requestId, method, route, status, sentBytes, receivedBytes } = context;
    accessLog.write(context, milliseconds);
    if (!hooks.response.isUsed()) return;
    try {
      hooks.response.call({
        requestId,
        method,
        endpoint: route?.endpoint ?? 'unknown',
        ...(route !== undefined && 'repository' in route ? { repository: route.repository } : {}),
        status,
        bytes: sentBytes,
        receivedBytes,
        milliseconds,
      });
    } catch (error) {
      log.error({ err: error, reqId: requestId }, 'a response tap failed');
    }
  }

  async function serve(context: RequestContext): Promise<void> {
    const began = performance.now();
    serving += 1;
    try {
      bus.publish(await answer(context));
    } catch (error) {
      refuse(context, error);
    }
    discardUnreadBody(context.request);
    report(context, Math.round((performance.now() - began) * 1000) / 1000);
    serving -= 1;
    if (serving === 0) becameIdle?.();
  }

  async function serveTraced(context: RequestContext, by: Tracer): Promise<void> {
    const { method, requestId } = context;
    const request = {
      method,
      requestId,
      traceparent: context.header('traceparent'),
      tracestate: context.header('tracestate'),
    };
    await by.request(request, async (span) => {
      await serve(context);
      const { route, status, sentBytes, receivedBytes } = context;
      span.set({
        endpoint: route?.endpoint ?? 'unknown',
        ...(route !== undefined && 'repository' in route ? { repository: route.repository } : {}),
        status,
        sentBytes,
        receivedBytes,
      });
    });
  }

  return {
    handle: (request, response) => {
      const context = new RequestContext(request, response, clients);
      void (tracer === undefined ? serve(context) : serveTraced(context, tracer));
    },
    get figures() {
      return { requests: serving, events: bus.figures };
    },
    async drain(milliseconds) {
      const began = performance.now();
      if (serving > 0) {
        const idle = new Promise<void>((resolve) => {
          becameIdle = resolve;
        });
        await waitAtMost(milliseconds, idle);
      }
      const left = Math.max(0, milliseconds - (performance.now() - began));
      await Promise.all([bus.drain(left), audit.drain(left)]);
    },
  };
}
