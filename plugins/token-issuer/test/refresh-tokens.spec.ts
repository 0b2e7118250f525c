import { expect } from 'chai';
import storageMemory from '@entrepot/storage-memory';
import { createHooks, type StorageDriver } from '@entrepot/plugin-sdk';
import { RefreshTokens } from '../src/refresh-tokens.ts';
import { SigningKeys } from '../src/signing-keys.ts';

const DAY = 86_400_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const alice = { username: 'alice', password: 'wonder:land ✓' };

function newStorage(): StorageDriver {
  const hooks = createHooks();
  const plugin = storageMemory();
  const decisions = {
    clientOf: () => ({ address: '127.0.0.1' }),
    identify: async () => undefined,
    permits: async () => false,
  };
  Reflect.apply(plugin.setup, plugin, [
    { name: plugin.name, options: plugin.options ?? {}, hooks, log: silent, decisions },
  ]);
  return hooks.storage.call();
}

describe('Refresh tokens', () => {
  let now: number;
  let storage: StorageDriver;
  let opened: SigningKeys[];
  beforeEach(() => {
    now = 1_800_000_000_000;
    storage = newStorage();
    opened = [];
  });
  afterEach(() => opened.forEach((keys) => keys.close()));

  async function replica(terms: { issuer?: string; service?: string } = {}): Promise<RefreshTokens> {
    const lifetimes = { rotateAfter: 30 * DAY, lifetime: 900_000, keptFor: 90 * DAY };
    const keys = new SigningKeys({ log: silent, ...lifetimes, now: () => now });
    opened.push(keys);
    await keys.open(storage);
    return new RefreshTokens(
      { issuer: 'https://r', service: 'registry', lifetime: 90 * DAY, ...terms },
      keys,
    );
  }
  const sealed = (tokens: RefreshTokens, login = alice): string => tokens.seal(login, now) ?? '';

  it('are opened by every replica, and say nothing to anybody else', async () => {
    const token = sealed(await replica());
    expect(await (await replica()).open(token, now)).to.deep.equal(alice);
    const bytes = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('latin1');
    for (const word of ['alice', 'wonder', 'land']) expect(token + bytes).to.not.include(word);
    expect(token).to.match(/^[\w.-]+$/);
  });

  it('are never the same, and of one length for passwords of similar length', async () => {
    const tokens = await replica();
    expect(sealed(tokens)).to.not.equal(sealed(tokens));
    const lengths = ['a', 'abcdefgh', 'abcdefghijklmnop'].map(
      (password) => sealed(tokens, { username: 'alice', password }).length,
    );
    expect(new Set(lengths).size).to.equal(1);
  });

  it('are good for their time, over changes of the signing keys, and not longer', async () => {
    const tokens = await replica();
    const token = sealed(tokens);
    for (let month = 0; month < 2; month += 1) {
      now += 31 * DAY;
      await opened[0]?.refresh();
    }
    expect(await tokens.open(token, now)).to.deep.equal(alice);
    now += 27 * DAY;
    expect(await tokens.open(token, now)).to.deep.equal(alice);
    now += DAY;
    expect(await tokens.open(token, now)).to.equal(undefined);
  });

  it('are good for one registry alone', async () => {
    const token = sealed(await replica());
    expect(await (await replica({ issuer: 'https://other' })).open(token, now)).to.equal(undefined);
    expect(await (await replica({ service: 'other' })).open(token, now)).to.equal(undefined);
    storage = newStorage();
    expect(await (await replica()).open(token, now)).to.equal(undefined);
  });

  it('are all good no more once the keys in storage have been removed', async () => {
    const tokens = await replica();
    const token = sealed(tokens);
    await storage.delete('secrets/token-keys');
    await opened[0]?.refresh();
    expect(await tokens.open(token, now)).to.equal(undefined);
  });

  it('that were altered or made up are none', async () => {
    const tokens = await replica();
    const token = sealed(tokens);
    const [kid = '', body = ''] = token.split('.');
    for (let at = 0; at < body.length - 1; at += 7) {
      const letter = body[at] === 'A' ? 'B' : 'A';
      const altered = `${kid}.${body.slice(0, at)}${letter}${body.slice(at + 1)}`;
      expect(await tokens.open(altered, now), altered).to.equal(undefined);
    }
    for (const text of [
      '',
      '.',
      'x',
      kid,
      `${kid}.`,
      `${kid}.AAAA`,
      `${kid}.${'A'.repeat(38)}`,
      `x.${body}`,
      `${token}.x`,
      body,
    ])
      expect(await tokens.open(text, now), text).to.equal(undefined);
  });

  it('are not given for logins that no client keeps', async () => {
    const tokens = await replica();
    expect(tokens.seal({ username: 'ci', password: 'x'.repeat(1025) }, now)).to.equal(undefined);
    expect(tokens.seal({ username: 'x'.repeat(256), password: 'x' }, now)).to.equal(undefined);
  });
});
