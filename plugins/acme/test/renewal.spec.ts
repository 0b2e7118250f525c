import { expect } from 'chai';
import {
  isStorageError,
  StorageError,
  withMethods,
  type ServerCertificate,
  type StorageDriver,
} from '@entrepot/plugin-sdk';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { issueCertificate } from '../../../test/servers/certificates.ts';
import type { Proofs } from '../src/certificate-authority.ts';
import { AcmeRecords } from '../src/records.ts';
import { Renewal } from '../src/renewal.ts';

const day = 24 * 60 * 60 * 1000;
const minute = 60_000;
const began = Date.parse('2026-11-25T12:00:00Z');

/** A CA whose certificates are good for thirty days, and the clock of everybody. */
class TestAuthority {
  now = began;
  orders = 0;
  readonly accounts = new Set<string>();
  refusal: Error | undefined;
  /** Runs while an order is under way. */
  meanwhile: (proofs: Proofs) => Promise<void> = async () => undefined;
  #keys = 0;

  async makeKey(): Promise<string> {
    this.#keys += 1;
    return `key ${this.#keys}`;
  }

  async order(accountKey: string, proofs: Proofs): Promise<ServerCertificate> {
    this.orders += 1;
    this.accounts.add(accountKey);
    await this.meanwhile(proofs);
    if (this.refusal !== undefined) throw this.refusal;
    return issueCertificate({ subject: { CN: `order ${this.orders}` }, validTo: this.now + 30 * day });
  }
}

describe('The renewal of a certificate', () => {
  let memory: Memory;
  let authority: TestAuthority;
  let lines: string[];
  beforeEach(() => {
    memory = new Memory(1024 * 1024);
    authority = new TestAuthority();
    lines = [];
  });

  const log = {
    debug: () => undefined,
    info: (_details: object, message = '') => void lines.push(message),
    warn: (_details: object, message = '') => void lines.push(message),
    error: (_details: object, message = '') => void lines.push(message),
  };

  /** A replica, and the certificates it has shown. */
  function replica(driver: StorageDriver = new MemoryDriver(memory)) {
    const records = new AcmeRecords(driver, 'https://ca.example/directory', ['a.example']);
    const renewal = new Renewal({ records, authority, log, now: () => authority.now });
    const shown: ServerCertificate[] = [];
    renewal.follow((certificate) => void shown.push(certificate));
    return { renewal, records, shown };
  }

  it('orders one when there is none, and all replicas show it', async () => {
    const [one, two] = [replica(), replica()];
    await one.renewal.look();
    await two.renewal.look();
    expect(authority.orders).to.equal(1);
    expect(one.shown).to.have.lengthOf(1);
    expect(two.shown).to.deep.equal(one.shown);
    expect(replica().renewal.current).to.equal(undefined);
  });

  it('hands a stored one over at once after a restart', async () => {
    const before = replica();
    await before.renewal.look();
    const after = replica();
    await after.renewal.read();
    expect(after.shown).to.deep.equal(before.shown);
  });

  it('orders the next one a third of its time before its end, once', async () => {
    const [one, two] = [replica(), replica()];
    await one.renewal.look();
    authority.now = began + 19 * day;
    await one.renewal.look();
    expect(authority.orders).to.equal(1);
    authority.now = began + 21 * day;
    await Promise.all([one.renewal.look(), two.renewal.look()]);
    await Promise.all([one.renewal.look(), two.renewal.look()]);
    expect(authority.orders).to.equal(2);
    expect(two.shown.at(-1)).to.deep.equal(one.shown.at(-1));
    expect(one.shown).to.have.lengthOf(2);
  });

  it('has one replica order at a time, with one account', async () => {
    const others = [replica(), replica(), replica()];
    authority.meanwhile = async () => {
      for (const { renewal } of others) await renewal.look();
    };
    await replica().renewal.look();
    expect(authority.orders).to.equal(1);
    expect(authority.accounts).to.have.lengthOf(1);
  });

  it('lets another replica order when the one that did has died', async () => {
    const dies = new Promise<never>(() => undefined);
    authority.meanwhile = () => dies;
    void replica().renewal.look();
    const other = replica();
    while (authority.orders === 0) await new Promise(setImmediate);
    authority.meanwhile = async () => undefined;
    await other.renewal.look();
    expect(authority.orders).to.equal(1);
    authority.now += 11 * minute;
    await other.renewal.look();
    expect(authority.orders).to.equal(2);
    expect(other.shown).to.have.lengthOf(1);
    expect(authority.accounts).to.have.lengthOf(1);
  });

  it('waits longer after each order that fails, whichever replica asks', async () => {
    authority.refusal = new Error('the CA does not reach a.example');
    const [one, two] = [replica(), replica()];
    await one.renewal.look();
    await two.renewal.look();
    expect(authority.orders).to.equal(1);
    authority.now += 5 * minute;
    await two.renewal.look();
    expect(authority.orders).to.equal(2);
    authority.now += 5 * minute;
    await one.renewal.look();
    expect(authority.orders).to.equal(2);
    authority.refusal = undefined;
    authority.now += 5 * minute;
    await one.renewal.look();
    expect(authority.orders).to.equal(3);
    expect(one.shown).to.have.lengthOf(1);
    expect(lines).to.deep.equal([
      'no certificate was issued',
      'no certificate was issued',
      'a certificate was issued',
    ]);
  });

  it('goes on showing what it has when the next one is not to be had', async () => {
    const { renewal, shown } = replica();
    await renewal.look();
    authority.refusal = new Error('not today');
    authority.now = began + 29 * day;
    await renewal.look();
    expect(shown).to.have.lengthOf(1);
    expect(renewal.current?.validTo).to.equal(began + 30 * day);
  });

  it('shows proofs of an order to whichever replica is asked, and removes them afterwards', async () => {
    const asked = replica();
    const seen: (string | undefined)[] = [];
    authority.meanwhile = async (proofs) => {
      await proofs.put('token', 'token.thumbprint');
      seen.push(await asked.records.proof('token'));
      await proofs.delete('token');
      seen.push(await asked.records.proof('token'));
    };
    await replica().renewal.look();
    expect(seen).to.deep.equal(['token.thumbprint', undefined]);
  });

  it('shows no certificate that could not be stored', async () => {
    let failing = true;
    const memoryDriver = new MemoryDriver(memory);
    const driver = withMethods(memoryDriver, {
      write: (key, bytes, options) => {
        if (failing && key.endsWith('/certificate'))
          throw new StorageError('UNAVAILABLE', 'the disk is gone');
        return memoryDriver.write(key, bytes, options);
      },
    });
    const { renewal, shown } = replica(driver);
    await renewal.look();
    expect(shown).to.deep.equal([]);
    failing = false;
    authority.now += 5 * minute;
    await renewal.look();
    expect(shown).to.have.lengthOf(1);
  });

  it('orders nothing while the storage cannot be read', async () => {
    const driver = withMethods(new MemoryDriver(memory), {
      read: async () => {
        throw new StorageError('UNAVAILABLE', 'the network is gone');
      },
    });
    const { renewal } = replica(driver);
    let thrown: unknown;
    await renewal.look().catch((error: unknown) => (thrown = error));
    expect(isStorageError(thrown, 'UNAVAILABLE')).to.equal(true);
    expect(authority.orders).to.equal(0);
  });

  it('orders anew over a record that is damaged', async () => {
    const { renewal } = replica();
    await renewal.look();
    const driver = new MemoryDriver(memory);
    const { keys } = await driver.list('secrets/acme/certificates/', { limit: 10 });
    const key = keys.find((each) => each.endsWith('/certificate'));
    if (key === undefined) throw new Error('there is no certificate in storage');
    await driver.write(key, Buffer.from('{"cert":"x","key":"y"}'));
    await renewal.look();
    expect(authority.orders).to.equal(2);
  });

  it('keeps the certificates of other names and other CAs apart', async () => {
    await replica().renewal.look();
    const driver = new MemoryDriver(memory);
    const other = new AcmeRecords(driver, 'https://ca.example/directory', ['b.example']);
    expect((await other.certificate()).content).to.equal(undefined);
    const same = new AcmeRecords(driver, 'https://ca.example/directory', ['a.example']);
    expect((await same.certificate()).content).to.not.equal(undefined);
  });
});
