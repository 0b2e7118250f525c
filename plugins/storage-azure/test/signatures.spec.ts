import { createHmac, randomBytes } from 'node:crypto';
import { StorageSharedKeyCredential, type UserDelegationKey } from '@azure/storage-blob';
import { expect } from 'chai';
import { openDriver } from './open-driver.ts';
import { DelegationKeys, Signatures } from '../src/azure/signatures.ts';

const HOUR = 3_600_000;
const place = { account: 'images', container: 'layers', isPrivate: true };

/** Gives keys, and keeps count. */
class Lender {
  readonly asked: { from: Date; until: Date }[] = [];
  fails = false;

  readonly ask = async (from: Date, until: Date): Promise<UserDelegationKey> => {
    this.asked.push({ from, until });
    if (this.fails) throw new Error('not now');
    return {
      signedObjectId: 'object',
      signedTenantId: 'tenant',
      signedStartsOn: from,
      signedExpiresOn: until,
      signedService: 'b',
      signedVersion: '2020-12-06',
      value: randomBytes(32).toString('base64'),
    };
  };
}

describe('the signatures of storage-azure', () => {
  it('allow to read one blob, over TLS, for as long as was asked', async () => {
    const key = new StorageSharedKeyCredential('images', randomBytes(32).toString('base64'));
    const began = Math.floor(Date.now() / 1000) * 1000;
    const parameters = new URLSearchParams(
      await new Signatures(place, async () => key).sign('data/one', 600),
    );
    expect(Object.fromEntries(parameters)).to.include({ sp: 'r', sr: 'b', spr: 'https' });
    expect(parameters.get('sig')).to.be.a('string');
    const expires = Date.parse(parameters.get('se') ?? '');
    expect(expires).to.be.within(began + 600_000, Date.now() + 600_000);
  });

  it('are made with a key lent to an identity, which they name', async () => {
    const lender = new Lender();
    const keys = new DelegationKeys(lender.ask);
    const parameters = new URLSearchParams(
      await new Signatures(place, (until) => keys.valid(until)).sign('data/one', 600),
    );
    expect(Object.fromEntries(parameters)).to.include({
      skoid: 'object',
      sktid: 'tenant',
      sks: 'b',
      sr: 'b',
    });
    const key = await keys.valid(new Date());
    // "Create a user delegation SAS", version 2026-04-06 and later.
    const text = [
      ...['r', '', parameters.get('se'), '/blob/images/layers/data/one', 'object', 'tenant'],
      ...[parameters.get('skt'), parameters.get('ske'), 'b', '2020-12-06', '', '', '', '', '', '', 'https'],
      ...[parameters.get('sv'), 'b', '', '', '', '', '', '', '', '', ''],
    ].join('\n');
    const signature = createHmac('sha256', Buffer.from(key.value, 'base64')).update(text).digest('base64');
    expect(parameters.get('sig')).to.equal(signature);
  });

  it('ask for a key once, until it is about to expire', async () => {
    const lender = new Lender();
    const keys = new DelegationKeys(lender.ask);
    const [one, two] = await Promise.all([
      keys.valid(new Date(Date.now() + HOUR)),
      keys.valid(new Date(Date.now() + 24 * HOUR)),
    ]);
    expect(one).to.equal(two);
    expect(lender.asked).to.have.lengthOf(1);
    const { from, until } = lender.asked[0] ?? { from: new Date(), until: new Date() };
    expect(from.getTime()).to.be.below(Date.now());
    expect(until.getTime() - Date.now()).to.be.within(24 * HOUR, 7 * 24 * HOUR);
    await keys.valid(until);
    expect(lender.asked).to.have.lengthOf(2);
  });

  it('ask again for a key that they were not given', async () => {
    const lender = new Lender();
    lender.fails = true;
    const keys = new DelegationKeys(lender.ask);
    const error: unknown = await keys.valid(new Date()).catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'not now');
    lender.fails = false;
    expect(await keys.valid(new Date())).to.have.property('signedObjectId', 'object');
  });

  it('are not made with a signature that was given: it would be handed out', async () => {
    const input = { account: 'images', container: 'layers' };
    const { driver, container } = openDriver({ ...input, sasToken: 'sv=2020-12-06&sig=secret' });
    expect(await driver.signUrl('data/one', { expires: 60 })).to.equal(undefined);
    container.close();
    const keyed = openDriver({ ...input, accountKey: randomBytes(32).toString('base64') });
    const url = new URL((await keyed.driver.signUrl('a.', { expires: 60 })) ?? '');
    expect(url.origin + url.pathname).to.equal('https://images.blob.core.windows.net/layers/a.!');
    keyed.container.close();
  });
});
