import { isStorageError, type StorageDriver } from '@entrepot/plugin-sdk';
import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageS3 from '@entrepot/storage-s3';
import { expect } from 'chai';
import type { S3Server } from '../../../test/servers/s3-server.ts';
import type { Input } from '../src/options.ts';
import type { Abilities } from '../src/s3/client.ts';
import { openDriver, probedDriver } from './probed-driver.ts';
import { scratchBucket } from './scratch-bucket.ts';

/** What a server is, and how it is used. */
export interface Subject {
  readonly name: string;
  readonly start: () => Promise<S3Server>;
  /** What the probe has to find. */
  readonly abilities: Abilities;
  /** Options besides bucket, endpoint and credentials. */
  readonly options?: Partial<Input>;
}

/** Declares the conformance kit for this driver on a real server: started before, stopped after. */
export function describeS3Conformance({ name, start, abilities, options = {} }: Subject): void {
  describe(`S3 on ${name}`, () => {
    let server: S3Server;
    const valid: Input = { bucket: 'set-below' };

    before(async () => {
      server = await start();
      Object.assign(valid, await scratchBucket(server), options);
    });
    after(() => server.stop());

    it('is fit for a registry, in the way that is known', async () => {
      const { s3 } = await probedDriver(valid);
      expect(s3.abilities).to.deep.equal(abilities);
      s3.close();
    });

    it('what is created after a delete is never hit by it', async () => {
      const input = { ...(await scratchBucket(server)), ...options };
      const [one, two] = [await probedDriver(input), await probedDriver(input)];
      for (let round = 0; round < 40; round += 1) {
        const { etag } = await one.driver.write('a', Buffer.from(`old ${round}`));
        const created = createAsSoonAsPossible(two.driver, Buffer.from(`new ${round}`));
        await one.driver.delete('a', { ifMatch: etag });
        await created;
        expect((await one.driver.read('a'))?.bytes).to.deep.equal(new TextEncoder().encode(`new ${round}`));
        await one.driver.delete('a');
      }
      one.s3.close();
      two.s3.close();
    });

    describePlugin({ describe, it }, storageS3, { valid, invalid: { bucket: '' } });

    describeStorageDriver(
      { describe, it },
      {
        name,
        async create() {
          const input = { ...(await scratchBucket(server)), ...options };
          const opened = [openDriver(input)];
          const open = (): (typeof opened)[0]['driver'] => {
            const one = openDriver(input);
            one.s3.abilities = abilities;
            opened.push(one);
            return one.driver;
          };
          return {
            driver: open(),
            reopen: open,
            async destroy() {
              for (const { s3 } of opened) s3.close();
            },
          };
        },
      },
    );
  });
}

async function createAsSoonAsPossible(driver: StorageDriver, bytes: Uint8Array): Promise<void> {
  for (;;) {
    try {
      await driver.write('a', bytes, { ifAbsent: true });
      return;
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }
}
