import { expect } from 'chai';
import { startRecipe, type Recipe } from './recipe.ts';
import { expectDenied, TokenClients } from './token-clients.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

const users = {
  '': { password: '', rights: { 'public/app': ['pull'] } },
  alice: { password: 'wonderland', rights: { 'team/app': ['pull', 'push'], 'public/app': ['pull', 'push'] } },
  bob: { password: 'builder', rights: { 'team/app': ['pull'] } },
};

describe('docs/access.md: a token server that is there already', () => {
  let tokens: TokenServer;
  let recipe: Recipe;
  let clients: TokenClients;
  before(async () => {
    tokens = await startTokenServer(users);
    recipe = await startRecipe('token-server', {}, {}, { environment: { TOKEN_SERVER: tokens.url } });
    const passwordOf = (user: string): string => (user === 'bob' ? users.bob : users.alice).password;
    clients = await TokenClients.open({ folder: recipe.folder, host: recipe.host, passwordOf });
  });
  after(async () => {
    await recipe.stop();
    await tokens.close();
  });

  it('lets skopeo log in, push and pull what its user may', async () => {
    await clients.sharesAnImage();
    expect(tokens.asked).to.include('repository:team/app:pull,push');
    expect(tokens.asked).to.include('repository:team/app:pull');
  });

  it('denies what they may not', async () => {
    for (const repository of ['team/app', 'other/app']) await expectDenied(clients.push('bob', repository));
    const bob = await clients.as('bob');
    await expectDenied(bob('inspect', clients.at('public/app')));
  });

  it('lets nobody in particular pull what is public, and nothing else', () =>
    clients.showsStrangersWhatIsPublic());

  it('refuses a login with a wrong password', () => clients.refusesAWrongPassword());

  it('lets podman log in, pull and push', () => clients.servesPodman());
});
