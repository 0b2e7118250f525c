import { AssertionError } from 'node:assert';
import { withMethods } from '@entrepot/plugin-sdk';
import { describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import { Memory, MemoryDriver } from '@entrepot/storage-memory';
import { expect } from 'chai';
import type { BrokenDriver } from './broken-drivers/broken-driver.ts';
import { brokenBatchedDeletes, deletesMany } from './broken-drivers/batched-deletes.ts';
import { brokenConditions } from './broken-drivers/conditions.ts';
import { brokenLinks, linkOf } from './broken-drivers/links.ts';
import { brokenListing } from './broken-drivers/listing.ts';
import { brokenObjects } from './broken-drivers/objects.ts';
import { brokenSignedUrls } from './broken-drivers/signed-urls.ts';
import { brokenStreams } from './broken-drivers/streams.ts';
import { brokenProcesses } from './broken-drivers/two-processes.ts';
import { brokenUploads } from './broken-drivers/uploads.ts';
import { SignedObjects } from '../../test/servers/signed-objects.ts';
import { failuresOf, type Failure } from './collecting-runner.ts';

/** What the kit has to say of a memory driver that `breaks` has broken. */
async function judge(breaks: BrokenDriver['breaks']): Promise<Failure[]> {
  return failuresOf((runner) => {
    describeStorageDriver(runner, {
      async create() {
        const memory = new Memory(1024 ** 3);
        const open = () => {
          const driver = new MemoryDriver(memory);
          return withMethods(driver, breaks(driver));
        };
        return { driver: open(), reopen: open, destroy: async () => undefined };
      },
    });
  });
}

describe('the conformance kit for storage drivers', () => {
  let bucket: SignedObjects;
  before(async () => {
    bucket = await SignedObjects.start();
  });
  after(() => bucket.stop());

  it('has nothing to say against a driver that is correct', async () => {
    expect(await judge(() => ({}))).to.deep.equal([]);
  });

  it('has nothing to say against one that signs URLs, and asks for what they open', async () => {
    expect(await judge((driver) => ({ signUrl: bucket.signUrlFor(driver) }))).to.deep.equal([]);
    expect(bucket.requests).to.not.be.empty;
  });

  it('has nothing to say against one that deletes many objects at once', async () => {
    expect(await judge(deletesMany)).to.deep.equal([]);
  });

  it('has nothing to say against one that gives second keys', async () => {
    expect(await judge((driver) => ({ link: linkOf(driver) }))).to.deep.equal([]);
  });

  const flaws = {
    'small objects': brokenObjects,
    conditions: brokenConditions,
    listing: brokenListing,
    'reading large objects': brokenStreams,
    uploads: brokenUploads,
    'signed URLs': brokenSignedUrls(() => bucket),
    'second keys': brokenLinks(),
    'batched deletes': brokenBatchedDeletes,
    'two processes': brokenProcesses,
  };
  for (const [behaviour, broken] of Object.entries(flaws)) {
    describe(`notices, in ${behaviour}, that`, () => {
      for (const { flaw, noticed, breaks } of broken) {
        it(flaw, async () => {
          const failures = await judge(breaks);
          expect(failures.map(({ title }) => title)).to.include(noticed);
          const { error } = failures.find(({ title }) => title === noticed) ?? {};
          expect(error).to.be.instanceOf(AssertionError);
          expect(error)
            .to.have.property('message')
            .that.matches(/^the contract says "/);
        });
      }
    });
  }

  it('destroys each backend, also after a failed test', async () => {
    let living = 0;
    const failures = await failuresOf((runner) => {
      describeStorageDriver(runner, {
        async create() {
          living += 1;
          const driver = withMethods(new MemoryDriver(new Memory(1)), {});
          return { driver, reopen: () => driver, destroy: async () => void (living -= 1) };
        },
      });
    });
    expect(failures).to.not.be.empty;
    expect(living).to.equal(0);
  });
});
