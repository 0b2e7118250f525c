import { UnfitBackend } from '@entrepot/plugin-sdk/buckets';
import { expect } from 'chai';
import { startFakeGcsWithConditions } from '../../../test/servers/fake-gcs-conditions.ts';
import { startFakeGcs, type FakeGcs } from '../../../test/servers/fake-gcs.ts';
import { probeBucket } from '../src/probe.ts';
import { describeGcsConformance } from './gcs-conformance.ts';
import { openDriver } from './open-driver.ts';

describeGcsConformance({
  name: 'fake-gcs-server, conditions added',
  start: startFakeGcsWithConditions,
  prefixes: [''],
});

describe('fake-gcs-server as it is', () => {
  let server: FakeGcs;
  before(async () => {
    server = await startFakeGcs();
  });
  after(() => server.stop());

  it('is refused, because it heeds conditions on uploads alone', async () => {
    await server.createBucket('bare');
    const { bucket } = openDriver({ bucket: 'bare', apiEndpoint: server.endpoint });
    const error: unknown = await probeBucket(bucket).catch((reason: unknown) => reason);
    bucket.close();
    expect(error).to.be.instanceOf(UnfitBackend);
    expect(error)
      .to.have.property('message')
      .that.includes('ifGenerationMatch=0 puts parts together over what is there');
  });
});
