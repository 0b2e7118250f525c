import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import accessRules from '@entrepot/access-rules';
import authHtpasswd from '@entrepot/auth-htpasswd';
import tokenIssuer from '@entrepot/token-issuer';
import { onEachStorage, type ServedRegistry } from '../oci/served-registry.ts';

/** alice: wonderland; the cost is 4, so that a test does not wait. */
const users = 'alice:$2b$04$r2OojEQMGCbaq/f9N2C6hewkOHC1AmCzYvs9GHcYF8ZVXYHFikBxa\n';
const office = '203.0.113.7';
const elsewhere = '198.51.100.9';

onEachStorage('A registry behind proxies', (serve) => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-proxies-'));
    await writeFile(join(folder, 'htpasswd'), users);
  });
  after(() => rm(folder, { recursive: true }));

  const serveTrusting = (...trustedProxies: readonly string[]): Promise<ServedRegistry> =>
    serve(
      { http: { trustedProxies } },
      authHtpasswd({ file: join(folder, 'htpasswd'), guessesPerAddress: 2, guessesPerAccount: 0 }),
      accessRules({ rules: [{ who: ['everyone'], networks: ['203.0.113.0/24'], allow: ['pull'] }] }),
    );

  const pull = async (registry: ServedRegistry, forwarded: string): Promise<number> =>
    (await registry.get('/v2/a/tags/list', { 'x-forwarded-for': forwarded })).status;
  const guess = async (registry: ServedRegistry, password: string, forwarded: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
    return (await registry.get('/v2/', { authorization, 'x-forwarded-for': forwarded })).status;
  };

  it('has rules by network for the clients of those it trusts', async () => {
    const registry = await serveTrusting('127.0.0.1', '10.0.0.0/8');
    expect(await pull(registry, office)).to.equal(404);
    expect(await pull(registry, `${office}, 10.0.0.1`)).to.equal(404);
    expect(await pull(registry, elsewhere)).to.equal(401);
  });

  it('is not taken in by what a client writes before its own address', async () => {
    const registry = await serveTrusting('127.0.0.1', '10.0.0.0/8');
    expect(await pull(registry, `${office}, ${elsewhere}`)).to.equal(401);
    expect(await pull(registry, `${office}, ${elsewhere}, 10.0.0.1`)).to.equal(401);
    expect(await pull(registry, `${office}, nonsense`)).to.equal(401);
  });

  it('believes nobody when it is not told whom', async () => {
    expect(await pull(await serveTrusting(), office)).to.equal(401);
    expect(await pull(await serveTrusting('10.0.0.0/8'), office)).to.equal(401);
  });

  it('counts the guesses of each client for itself where tokens are issued', async () => {
    const registry = await serve(
      { http: { trustedProxies: ['127.0.0.1'] } },
      authHtpasswd({ file: join(folder, 'htpasswd'), guessesPerAddress: 1, guessesPerAccount: 0 }),
      tokenIssuer({ url: 'https://registry.example.com' }),
    );
    const ask = async (password: string, forwarded: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
      return (await registry.get('/token', { authorization, 'x-forwarded-for': forwarded })).status;
    };
    expect(await ask('one', elsewhere)).to.equal(401);
    expect(await ask('two', elsewhere)).to.equal(429);
    expect(await ask('two', office)).to.equal(401);
    expect(await ask('wonderland', '192.0.2.1')).to.equal(200);
  });

  it('counts the guesses of each client for itself', async () => {
    const registry = await serveTrusting('127.0.0.1');
    for (const password of ['one', 'two']) expect(await guess(registry, password, elsewhere)).to.equal(401);
    expect(await guess(registry, 'three', elsewhere)).to.equal(429);
    expect(await guess(registry, 'three', `${office}, ${elsewhere}`)).to.equal(429);
    expect(await guess(registry, 'three', office)).to.equal(401);
  });
});
