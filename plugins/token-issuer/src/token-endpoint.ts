import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  isRegistryError,
  RegistryError,
  type Decisions,
  type Identity,
  type Logger,
} from '@entrepot/plugin-sdk';
import { parseAuthorization } from '@entrepot/plugin-sdk/access';
import type { Login, RefreshTokens } from './refresh-tokens.ts';
import { parseScopes, type Grant } from './scope.ts';
import type { Tokens } from './tokens.ts';

/** The most bytes a form may have. */
const MAX_FORM = 65_536;

export interface TokenEndpointParts {
  readonly decisions: Decisions;
  readonly tokens: Tokens;
  readonly refreshTokens: RefreshTokens;
  readonly service: string;
  readonly lifetimeSeconds: number;
  readonly log: Logger;
}

interface Question {
  /** Undefined: nobody in particular. */
  readonly login: Login | { readonly refreshToken: string } | undefined;
  readonly scopes: readonly string[];
  readonly service: string | null;
  /** Whether a refresh token is asked for. */
  readonly isOffline: boolean;
}

/** A refusal of the form itself, as OAuth 2.0 spells it (RFC 6749 section 5.2). */
class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** `/token`: the GET of docker with Basic credentials or none, and the POST of OAuth2 with a password or refresh token. */
export class TokenEndpoint {
  readonly #parts: TokenEndpointParts;

  constructor(parts: TokenEndpointParts) {
    this.#parts = parts;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const question = request.method === 'POST' ? await readForm(request) : readQuery(request);
      send(response, 200, await this.#grant(question, request));
    } catch (error) {
      if (error instanceof BadRequest)
        send(response, 400, { error: error.code, error_description: error.message });
      else if (isRegistryError(error))
        send(
          response,
          error.status,
          { errors: [{ code: error.code, message: error.message }] },
          error.headers,
        );
      else throw error;
    }
  }

  /** What is asked for and not allowed is left out, and the client hears of it from the registry. */
  async #grant(question: Question, request: IncomingMessage): Promise<object> {
    const { scopes, service } = question;
    const { decisions, tokens, lifetimeSeconds, log } = this.#parts;
    if (service !== null && service !== this.#parts.service)
      throw new BadRequest('invalid_request', `the service is called ${this.#parts.service} here`);
    const asked = scopesOf(scopes);
    const client = decisions.clientOf(request);
    const { address } = client;
    const requestId = randomUUID();
    const method = request.method ?? 'GET';
    const basic = await this.#loginOf(question);
    const credentials = basic === undefined ? {} : { basic };
    const identity = await decisions.identify({ requestId, method, ...client, access: [], ...credentials });
    const refreshToken = identity === undefined ? undefined : this.#refreshTokenFor(question, basic);
    const grants: Grant[] = [];
    for (const { type, name, actions } of asked) {
      const allowed: Grant['actions'][number][] = [];
      for (const action of actions)
        if (await decisions.permits(identity, [{ type, name, action }], address)) allowed.push(action);
      if (allowed.length > 0) grants.push({ type, name, actions: allowed });
    }
    const now = Date.now();
    const token = await tokens.sign({ identity: identity ?? nobody, grants }, now);
    log.info({ reqId: requestId, actor: identity?.subject, grants }, 'a token was issued');
    return {
      token,
      access_token: token,
      expires_in: lifetimeSeconds,
      issued_at: new Date(now).toISOString(),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    };
  }

  async #loginOf({ login }: Question): Promise<Login | undefined> {
    if (login === undefined || !('refreshToken' in login)) return login;
    const found = await this.#parts.refreshTokens.open(login.refreshToken, Date.now());
    if (found !== undefined) return found;
    throw new RegistryError('UNAUTHORIZED', 'the refresh token is not good here, or no more; log in again');
  }

  /** An exchange gives the same again: a client need not keep what it gets later, and no login lasts for ever. */
  #refreshTokenFor({ login, isOffline }: Question, basic: Login | undefined): string | undefined {
    if (!isOffline || login === undefined || basic === undefined) return undefined;
    if ('refreshToken' in login) return login.refreshToken;
    return this.#parts.refreshTokens.seal(basic, Date.now());
  }
}

const nobody: Identity = { subject: '', anonymous: true };

function scopesOf(values: readonly string[]): readonly Grant[] {
  try {
    return parseScopes(values);
  } catch (error) {
    throw new BadRequest('invalid_scope', error instanceof Error ? error.message : String(error));
  }
}

function readQuery(request: IncomingMessage): Question {
  const query = (request.url ?? '').split('?')[1] ?? '';
  const form = new URLSearchParams(query);
  return {
    login: parseAuthorization(request.headers.authorization).basic,
    scopes: form.getAll('scope'),
    service: form.get('service'),
    isOffline: form.get('offline_token') === 'true',
  };
}

async function readForm(request: IncomingMessage): Promise<Question> {
  const form = new URLSearchParams(await textOf(request));
  return {
    login: loginIn(form),
    scopes: form.getAll('scope'),
    service: form.get('service'),
    isOffline: form.get('access_type') === 'offline',
  };
}

function loginIn(form: URLSearchParams): Question['login'] {
  const needed = (name: string): string => {
    const value = form.get(name);
    if (value === null) throw new BadRequest('invalid_request', `${name} is needed`);
    return value;
  };
  switch (form.get('grant_type')) {
    case 'password':
      return { username: needed('username'), password: needed('password') };
    case 'refresh_token':
      return { refreshToken: needed('refresh_token') };
    default:
      throw new BadRequest(
        'unsupported_grant_type',
        'the grant types password and refresh_token are taken here',
      );
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_FORM) throw new BadRequest('invalid_request', `the form has more than ${MAX_FORM} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, {
      ...headers,
      'content-type': 'application/json',
      'content-length': bytes.length,
      'cache-control': 'no-store',
    })
    .end(bytes);
}
