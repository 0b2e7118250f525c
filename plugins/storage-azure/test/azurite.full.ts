import { isStorageError, type Upload } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { startAzurite } from '../../../test/servers/azurite.ts';
import { describeAzureConformance } from './azure-conformance.ts';
import { startGate, type Gate } from './gate.ts';
import { openDriver } from './open-driver.ts';
import { scratchContainer } from './scratch-container.ts';

describeAzureConformance({ name: 'Azurite', start: startAzurite, prefixes: ['', 'some/folder./'] });

describeAzureConformance({
  name: 'Azurite that is too busy for every fifth request',
  start: () => startGate((number) => number % 5 === 4),
  prefixes: [''],
});

describe('a large object on Azurite', () => {
  let gate: Gate;
  before(async () => {
    gate = await startGate(() => false);
  });
  after(() => gate.stop());

  it('stays as it is, once complete, when every request that made it is sent again', async () => {
    const { driver, container } = openDriver((await scratchContainer(gate)).input);
    const length = driver.partSize(0);
    const begun = { key: 'large', offset: 0, parts: 0, state: await driver.createUpload() };
    await driver.uploadPart(begun, [new Uint8Array(length).fill(1)]);
    const state = await driver.uploadPart(begun, [new Uint8Array(length).fill(2)]);
    await driver.completeUpload({ ...begun, offset: length, parts: 1, state }, [new Uint8Array(10).fill(3)]);
    await driver.write('small', new Uint8Array(10).fill(4), { ifAbsent: true });
    await gate.replay();

    const object = await driver.open('large');
    const chunks: Uint8Array[] = [];
    for (let chunk = await object?.read(); chunk !== undefined; chunk = await object?.read())
      chunks.push(chunk);
    const expected = Buffer.concat([new Uint8Array(length).fill(2), new Uint8Array(10).fill(3)]);
    expect(Buffer.compare(Buffer.concat(chunks), expected)).to.equal(0);
    expect((await driver.read('small'))?.bytes).to.deep.equal(new Uint8Array(10).fill(4));
    expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['large', 'small'], more: false });
    container.close();
  });

  it('is completed by another upload of a key of which uploads were aborted, and by none of these', async () => {
    const { driver, container } = openDriver((await scratchContainer(gate)).input);
    const begin = async (): Promise<Upload> => ({
      key: 'large',
      offset: 0,
      parts: 0,
      state: await driver.createUpload(),
    });
    const aborted = await Promise.all([begin(), begin(), begin()]);
    await Promise.all(aborted.map((upload) => driver.abortUpload(upload)));
    const other = await begin();
    for (const upload of aborted) await unknown(driver.completeUpload(upload, [Buffer.from('lost')]));
    const state = await driver.uploadPart(other, [Buffer.from('part')]);
    await driver.completeUpload({ ...other, offset: 4, parts: 1, state }, [Buffer.from('tail')]);
    for (const upload of aborted) {
      await unknown(driver.completeUpload(upload, [Buffer.from('lost')]));
      await driver.abortUpload(upload);
    }
    expect((await driver.read('large'))?.bytes).to.deep.equal(new Uint8Array(Buffer.from('parttail')));
    container.close();
  });
});

async function unknown(call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  expect(isStorageError(error, 'UPLOAD_UNKNOWN'), String(error)).to.equal(true);
}
