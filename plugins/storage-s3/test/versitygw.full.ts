import { UnfitBackend } from '@entrepot/plugin-sdk/buckets';
import { expect } from 'chai';
import type { S3Server } from '../../../test/servers/s3-server.ts';
import { startVersitygw } from '../../../test/servers/versitygw.ts';
import { probedDriver } from './probed-driver.ts';
import { describeS3Conformance } from './s3-conformance.ts';
import { scratchBucket } from './scratch-bucket.ts';

const abilities = { bareEtags: false, conditionalDeletes: true };

describeS3Conformance({ name: 'versitygw', start: startVersitygw, abilities });

describeS3Conformance({
  name: 'versitygw, with checksums as for Amazon',
  start: startVersitygw,
  abilities,
  options: { checksums: 'supported' },
});

describe('versitygw that works on many requests at once', () => {
  let server: S3Server;
  before(async () => {
    server = await startVersitygw({ concurrency: 5000 });
  });
  after(() => server.stop());

  it('is refused, because several writers under one condition succeed', async () => {
    const error: unknown = await probedDriver(await scratchBucket(server)).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UnfitBackend);
    expect(error)
      .to.have.property('message')
      .that.matches(/of 8 writers at once under .*, \d+ succeed, so/);
  });
});
