import { IncomingMessage, ServerResponse, type IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { RequestContext } from '../../src/http/request-context.ts';

/** A request that has come by no connection, and its answer. */
export interface BareRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: RequestContext;
}

export function bareRequest(
  headers: IncomingHttpHeaders = {},
  { method = 'GET', url = '/v2/' }: { readonly method?: string; readonly url?: string } = {},
): BareRequest {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, url, headers });
  const response = new ServerResponse(request);
  return { request, response, context: new RequestContext(request, response) };
}
