import { expect } from 'chai';
import { isStorageError, StorageError, withMethods, type StorageDriver } from '@entrepot/plugin-sdk';
import { makeKey } from '../src/key-request.ts';
import type { KeyRecord } from '../src/key-record.ts';
import { KeyStore } from '../src/key-store.ts';
import { KeyUses } from '../src/key-uses.ts';
import { newStorage, silent } from './memory-storage.ts';

const HOUR = 3_600_000;
const scopes = [{ repositories: ['**'], actions: ['pull'] }];

function keyFor(owner: string, name = 'laptop'): KeyRecord {
  const parties = { owner, isRobot: false, groups: [], createdBy: owner };
  return makeKey({ name, scopes, days: 30 }, parties, 1_800_000_000_000).record;
}

async function all(store: KeyStore, owner?: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of store.list(owner)) ids.push(id);
  return ids.sort();
}

describe('Keys in storage', () => {
  let driver: StorageDriver;
  let writes: string[];
  let one: KeyStore;
  let other: KeyStore;
  beforeEach(() => {
    const memory = newStorage();
    writes = [];
    driver = withMethods(memory, {
      write: (key, bytes, options) => {
        writes.push(key);
        return memory.write(key, bytes, options);
      },
    });
    [one, other] = [new KeyStore(driver), new KeyStore(driver)];
  });

  it('are found by every replica under the name of their owner alone', async () => {
    const key = keyFor('alice');
    await one.create(key);
    for (const store of [one, other]) {
      expect((await store.find('alice', key.id))?.record).to.deep.equal(key);
      for (const name of ['bob', 'Alice', '', 'alice/../alice', 'a'.repeat(200)])
        expect(await store.find(name, key.id), name).to.equal(undefined);
      for (const id of ['', '..', '../x', key.id.toUpperCase(), `${key.id}/`])
        expect(await store.find('alice', id), id).to.equal(undefined);
    }
  });

  it('are gone for every replica once they are revoked, whatever it remembers', async () => {
    const key = keyFor('alice');
    await one.create(key);
    for (const store of [one, other]) await store.find('alice', key.id);
    expect(await one.revoke('alice', key.id)).to.equal(true);
    for (const store of [one, other]) expect(await store.find('alice', key.id)).to.equal(undefined);
    expect(await other.revoke('alice', key.id)).to.equal(false);
  });

  it('hold no key that could be shown', async () => {
    const parties = { owner: 'alice', isRobot: false, groups: [], createdBy: 'alice' };
    const { text, record } = makeKey({ name: 'laptop', scopes, days: 1 }, parties, 0);
    await one.create(record);
    const stored = await driver.read(`access-keys/${Buffer.from('alice').toString('hex')}/${record.id}`);
    const secret = text.split('_')[2] ?? '';
    expect(Buffer.from(stored?.bytes ?? []).toString())
      .to.include(record.id)
      .and.not.include(secret);
  });

  it('are listed by owner, or all', async () => {
    const keys = [
      keyFor('alice'),
      keyFor('alice', 'ci'),
      keyFor('bob'),
      keyFor('alicia'),
      keyFor('ж:x'.slice(0, 1)),
    ];
    for (const key of keys) await one.create(key);
    expect(await all(other, 'alice')).to.deep.equal([keys[0]?.id, keys[1]?.id].sort());
    expect(await all(other, 'nobody')).to.deep.equal([]);
    expect(await all(other)).to.have.lengthOf(5);
    expect(await other.count('alice', 10)).to.equal(2);
    expect(await other.ownerOf(keys[4]?.id ?? '')).to.equal('ж');
    expect(await other.ownerOf('000000000000')).to.equal(undefined);
  });

  it('that cannot be read are not absent', async () => {
    const key = keyFor('alice');
    await one.create(key);
    const failing = new KeyStore(
      withMethods(driver, { read: async () => Promise.reject(new StorageError('UNAVAILABLE', 'down')) }),
    );
    const failure: unknown = await failing.find('alice', key.id).catch((error: unknown) => error);
    expect(isStorageError(failure, 'UNAVAILABLE')).to.equal(true);
    await driver.write(`access-keys/${Buffer.from('alice').toString('hex')}/${key.id}`, Buffer.from('{}'));
    const damaged: unknown = await one.find('alice', key.id).catch((error: unknown) => error);
    expect(String(damaged)).to.include('is damaged');
  });

  describe('know when they were used', () => {
    let now: number;
    let key: KeyRecord;
    let uses: KeyUses;
    beforeEach(async () => {
      now = 1_800_000_000_000;
      key = keyFor('alice');
      await one.create(key);
      writes.length = 0;
      uses = new KeyUses({ store: () => one, log: silent, now: () => now });
    });
    const record = async (): Promise<KeyRecord> => {
      const found = await one.find('alice', key.id);
      if (found === undefined) throw new Error('the key is gone');
      return found.record;
    };
    const use = async (): Promise<void> => uses.note(await record());

    it('by one write for many uses, and once an hour at most', async () => {
      for (let times = 0; times < 50; times += 1) await use();
      expect(writes).to.deep.equal([]);
      await uses.flush();
      expect((await record()).used).to.equal(now);
      expect(writes).to.have.lengthOf(1);
      now += HOUR - 1;
      await use();
      await uses.flush();
      expect(writes).to.have.lengthOf(1);
      now += 1;
      await use();
      await uses.close();
      expect((await record()).used).to.equal(now);
      expect(writes).to.have.lengthOf(2);
    });

    it('and stay revoked when that comes in between', async () => {
      await use();
      await other.revoke('alice', key.id);
      await uses.flush();
      expect(await other.find('alice', key.id)).to.equal(undefined);
      const race = withMethods(driver, {
        write: async (...args) => {
          await driver.delete(args[0]);
          return driver.write(...args);
        },
      });
      await one.create(key);
      await new KeyStore(race).touch('alice', key.id, now);
      expect(await other.find('alice', key.id)).to.equal(undefined);
    });

    it('later, when the storage is in trouble', async () => {
      let isDown = true;
      const troubled = new KeyStore(
        withMethods(driver, {
          write: async (...args) => {
            if (isDown) throw new StorageError('UNAVAILABLE', 'down');
            return driver.write(...args);
          },
        }),
      );
      uses = new KeyUses({ store: () => troubled, log: silent, now: () => now });
      await use();
      await uses.flush();
      expect((await record()).used).to.equal(undefined);
      isDown = false;
      await use();
      await uses.flush();
      expect((await record()).used).to.equal(now);
    });
  });
});
