import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { keptCredentials, parseCredentials } from '../../core/src/copy/credentials.ts';
import { RegistryClient } from '../../core/src/copy/registry-client.ts';

/** A server on the loopback address, and its URL. */
async function serve(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port.');
  return { server, url: `http://127.0.0.1:${address.port}` };
}

describe('who asks, in a copy', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  /** A registry that wants tokens, and the server that gives them: each can be used so often. */
  async function guarded(uses: number) {
    const asked: string[] = [];
    let given = 0;
    let used = 0;
    const tokens = await serve((incoming, outgoing) => {
      void text(incoming).then((body) => {
        asked.push(
          `${incoming.method} ${incoming.url} ${incoming.headers.authorization ?? ''} ${body}`.trim(),
        );
        given += 1;
        used = 0;
        outgoing.end(JSON.stringify({ token: `token-${given}`, expires_in: 300 }));
      });
    });
    const registry = await serve((incoming, outgoing) => {
      const isKnown = incoming.headers.authorization === `Bearer token-${given}` && used < uses;
      used += 1;
      const challenge = `Bearer realm="${tokens.url}/token",service="registry.example"`;
      if (isKnown) outgoing.end(JSON.stringify({ tags: ['v1'] }));
      else outgoing.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    servers.push(tokens.server, registry.server);
    return { asked, url: registry.url };
  }
  const tagsOf = async (client: RegistryClient, repository: string): Promise<readonly string[]> => {
    const tags: string[] = [];
    for await (const tag of client.tags(repository)) tags.push(tag);
    return tags;
  };

  it('is told to the token server alone, for what is to be done, and the token is used as long as it lasts', async () => {
    const { asked, url } = await guarded(2);
    const client = new RegistryClient({ host: 'registry.example', url }, { user: 'ci', password: 'secret' });
    expect(await tagsOf(client, 'team/app')).to.deep.equal(['v1']);
    expect(await tagsOf(client, 'team/app')).to.deep.equal(['v1']);
    const basic = `Basic ${Buffer.from('ci:secret').toString('base64')}`;
    const path = '/token?service=registry.example&scope=repository%3Ateam%2Fapp%3Apull';
    expect(asked).to.deep.equal([`GET ${path} ${basic}`]);
    expect(await tagsOf(client, 'team/app')).to.deep.equal(['v1']);
    expect(asked).to.have.lengthOf(2);
  });

  it('may be said by a refresh token, or not at all', async () => {
    const first = await guarded(9);
    await tagsOf(new RegistryClient({ host: 'r', url: first.url }, { refreshToken: 'again' }), 'app');
    expect(first.asked[0]).to.match(/^POST \/token +grant_type=refresh_token&refresh_token=again&/);
    const second = await guarded(9);
    await tagsOf(new RegistryClient({ host: 'r', url: second.url }, undefined), 'app');
    expect(second.asked).to.deep.equal(['GET /token?service=registry.example&scope=repository%3Aapp%3Apull']);
  });

  it('ends with what the registry says when its tokens are of no use', async () => {
    const { url } = await guarded(0);
    const client = new RegistryClient({ host: 'r', url }, { user: 'ci', password: 'secret' });
    const failure: unknown = await tagsOf(client, 'app').catch((error: unknown) => error);
    expect(failure).to.have.property('message', 'the registry answered 401');
  });
});

describe('what docker login has kept', () => {
  let folder: string;
  const names = ['PATH', 'DOCKER_CONFIG', 'REGISTRY_AUTH_FILE'];
  const kept = names.map((name) => [name, process.env[name]] as const);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-login-'));
    process.env['DOCKER_CONFIG'] = folder;
    process.env['PATH'] = `${folder}:${process.env['PATH']}`;
    delete process.env['REGISTRY_AUTH_FILE'];
    const helper = join(folder, 'docker-credential-of-this-test');
    await writeFile(
      helper,
      `#!/bin/sh
read server || true
case "$server" in
  helped.example) echo '{"ServerURL":"x","Username":"<token>","Secret":"refresh"}' ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`,
    );
    await chmod(helper, 0o755);
  });
  after(async () => {
    for (const [name, value] of kept) {
      Reflect.deleteProperty(process.env, name);
      if (value !== undefined) process.env[name] = value;
    }
    await rm(folder, { recursive: true });
  });

  it('is found for the registry that it is for', async () => {
    expect(await keptCredentials('a.example')).to.equal(undefined);
    const auth = Buffer.from('user:a:b').toString('base64');
    const auths = {
      'a.example:5000': { auth },
      'https://index.docker.io/v1/': { auth },
      'tokens.example': { auth: '', identitytoken: 'refresh' },
      'empty.example': {},
    };
    const credHelpers = { 'helped.example': 'of-this-test', 'other.example': 'of-this-test' };
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths, credHelpers }));
    const user = { user: 'user', password: 'a:b' };
    expect(await keptCredentials('a.example:5000')).to.deep.equal(user);
    expect(await keptCredentials('docker.io')).to.deep.equal(user);
    expect(await keptCredentials('tokens.example')).to.deep.equal({ refreshToken: 'refresh' });
    expect(await keptCredentials('helped.example')).to.deep.equal({ refreshToken: 'refresh' });
    for (const host of ['a.example', 'empty.example', 'other.example'])
      expect(await keptCredentials(host), host).to.equal(undefined);
  });

  it('is not guessed at when it makes no sense', async () => {
    await writeFile(join(folder, 'config.json'), '{');
    const failure: unknown = await keptCredentials('a.example').catch((error: unknown) => error);
    expect(failure)
      .to.have.property('message')
      .that.matches(/config\.json is not JSON$/);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ credsStore: '../x' }));
    const wrong: unknown = await keptCredentials('a.example').catch((error: unknown) => error);
    expect(wrong).to.have.property('message', "'../x' cannot be the name of a credential helper");
    expect(() => parseCredentials('nobody')).to.throw('USER:PASSWORD');
  });
});
