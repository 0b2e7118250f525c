import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { exportJWK, SignJWT } from 'jose';

/** What a user of the token server may do: actions by repository. */
export type Rights = Readonly<Record<string, readonly string[]>>;
export interface User {
  readonly password: string;
  readonly rights: Rights;
}

export interface TokenServer {
  /** `http://127.0.0.1:<port>`; tokens are under `/token`, keys under `/jwks`. */
  readonly url: string;
  readonly service: string;
  /** The scopes it was asked for, in their order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A token server as distribution's token specification describes it: the GET of docker, and the POST of OAuth2. */
export async function startTokenServer(users: Readonly<Record<string, User>>): Promise<TokenServer> {
  const service = 'registry.example.com';
  const asked: string[] = [];
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', use: 'sig' }];

  async function tokenFor(name: string, scopes: readonly string[]): Promise<string> {
    asked.push(...scopes);
    const rights = users[name]?.rights ?? {};
    const access = scopes.map((scope) => {
      const [type = '', repository = '', actions = ''] = scope.split(':');
      const allowed = rights[repository] ?? [];
      return { type, name: repository, actions: actions.split(',').filter((each) => allowed.includes(each)) };
    });
    return new SignJWT({ access })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer('auth.example.com')
      .setSubject(name)
      .setAudience(service)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('5 minutes')
      .sign(privateKey);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/jwks') return send(response, 200, { keys });
    const form = new URLSearchParams(request.method === 'POST' ? await textOf(request) : '');
    const [name, password] =
      request.method === 'POST'
        ? [form.get('username') ?? '', form.get('password')]
        : basicOf(request.headers.authorization);
    if (name !== '' && users[name]?.password !== password) return send(response, 401, { error: 'invalid' });
    const scopes = [...url.searchParams.getAll('scope'), ...form.getAll('scope')];
    const token = await tokenFor(
      name,
      scopes.flatMap((scope) => scope.split(' ')),
    );
    return send(response, 200, { token, access_token: token, expires_in: 300 });
  }

  const server: Server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => send(response, 500, { error: String(error) }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the token server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    service,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return text;
}

function basicOf(header = ''): readonly [name: string, password: string] {
  const text = Buffer.from(header.replace(/^Basic /i, ''), 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? ['', ''] : [text.slice(0, colon), text.slice(colon + 1)];
}
