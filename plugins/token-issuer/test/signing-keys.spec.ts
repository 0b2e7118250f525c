import { expect } from 'chai';
import { createHooks, StorageError, type StorageDriver } from '@entrepot/plugin-sdk';
import { SigningKeys } from '../src/signing-keys.ts';
import { Tokens } from '../src/tokens.ts';
import storageMemory from '@entrepot/storage-memory';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

function newStorage(): StorageDriver {
  const hooks = createHooks();
  const plugin = storageMemory();
  const decisions = {
    clientOf: () => ({ address: '127.0.0.1' }),
    identify: async () => undefined,
    permits: async () => false,
  };
  const context = { name: plugin.name, options: plugin.options ?? {}, hooks, log: silent, decisions };
  Reflect.apply(plugin.setup, plugin, [context]);
  return hooks.storage.call();
}

describe('The keys of tokens', () => {
  let now: number;
  let storage: StorageDriver;
  let opened: SigningKeys[];
  beforeEach(() => {
    now = 1_800_000_000_000;
    storage = newStorage();
    opened = [];
  });
  afterEach(() => opened.forEach((keys) => keys.close()));

  async function replica(): Promise<SigningKeys> {
    const lifetimes = { rotateAfter: 30 * DAY, lifetime: 15 * MINUTE, keptFor: 40 * DAY };
    const options = { log: silent, ...lifetimes, now: () => now };
    const keys = new SigningKeys(options);
    opened.push(keys);
    await keys.open(storage);
    return keys;
  }
  const tokensOf = (keys: SigningKeys): Tokens =>
    new Tokens({ issuer: 'https://r', audience: 'registry', lifetimeSeconds: 900 }, keys);
  const alice = { identity: { subject: 'alice' }, grants: [] };

  it('are the same for replicas that start at once', async () => {
    const replicas = await Promise.all([replica(), replica(), replica()]);
    expect(new Set(replicas.map(({ current }) => current.kid)).size).to.equal(1);
    const [one, two] = replicas.map(tokensOf);
    const token = (await one?.sign(alice, now)) ?? '';
    expect((await two?.read(token, now))?.identity.subject).to.equal('alice');
  });

  it('are the same after a restart', async () => {
    const token = await tokensOf(await replica()).sign(alice, now);
    expect(await tokensOf(await replica()).read(token, now)).to.not.equal(undefined);
  });

  it('change with an overlap: a new one is known for minutes before it signs, and the old one stays', async () => {
    const [one, two] = [await replica(), await replica()];
    const old = one.current.kid;
    now += 31 * DAY;
    await Promise.all([one.refresh(), two.refresh()]);
    expect([one, two].map(({ all }) => all.length)).to.deep.equal([2, 2]);
    expect(one.current.kid).to.equal(old);
    now += 6 * MINUTE;
    expect(one.current.kid).to.not.equal(old);
    expect(one.current.kid).to.equal(two.current.kid);
    expect(await one.find(old)).to.not.equal(undefined);
    now += 31 * DAY;
    await one.refresh();
    expect(one.all.map(({ kid }) => kid)).to.include(old);
    expect(one.published.map(({ kid }) => kid)).to.not.include(old);
    expect(one.published).to.have.length(2);
    now += 31 * DAY;
    await one.refresh();
    expect(one.all.map(({ kid }) => kid)).to.not.include(old);
    expect(one.all).to.have.length(3);
  });

  it('are found when another replica has made them a moment ago', async () => {
    const one = await replica();
    const two = await replica();
    now += 31 * DAY;
    await one.refresh();
    const made = one.all.at(-1)?.kid ?? '';
    expect((await two.find(made))?.kid).to.equal(made);
    expect(await two.find('made up')).to.equal(undefined);
  });

  it('are not made anew over a record that is damaged', async () => {
    await storage.write('secrets/token-keys', Buffer.from('{"keys":[]}'));
    const reason = await replica().then(
      () => 'open',
      (error: unknown) => String(error),
    );
    expect(reason).to.include('secrets/token-keys in storage is damaged');
  });

  it('that cannot be read keep the registry from starting, and are no reason to refuse a token', async () => {
    const tokens = tokensOf(await replica());
    const token = await tokens.sign(alice, now);
    storage = { ...newStorage(), read: async () => Promise.reject(new StorageError('UNAVAILABLE', 'down')) };
    expect(String(await replica().catch((error: unknown) => error))).to.include('down');
    const unread = new SigningKeys({
      log: silent,
      rotateAfter: DAY,
      lifetime: MINUTE,
      keptFor: DAY,
      now: () => now,
    });
    await unread.open(storage).catch(() => undefined);
    now += 2000;
    const error: unknown = await tokensOf(unread)
      .read(token, now)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).to.include('down');
  });

  it('sign tokens that are good for their time', async () => {
    const tokens = tokensOf(await replica());
    const token = await tokens.sign(alice, now);
    expect(await tokens.read(token, now + 900_000)).to.include({ hasExpired: false });
    expect(await tokens.read(token, now + 961_000)).to.deep.equal({ ...alice, hasExpired: true });
    expect(await tokens.read(token, now - 61_000)).to.equal(undefined);
    for (const other of ['', 'x', '..', token.slice(0, -10), `${token}a`])
      expect(await tokens.read(other, now), other).to.equal(undefined);
  });

  it('are published without their private halves', async () => {
    const set = JSON.stringify(await tokensOf(await replica()).keySet());
    expect(set).to.include('"alg":"ES256"');
    expect(set).to.not.include('"d"');
  });
});
