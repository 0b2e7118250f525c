import { randomUUID } from 'node:crypto';
import { describePlugin, describeStorageDriver } from '@entrepot/plugin-sdk/conformance';
import storageGcs from '@entrepot/storage-gcs';
import { expect } from 'chai';
import { Objects } from '../src/gcs/objects.ts';
import type { Input } from '../src/options.ts';
import { openDriver, type OpenDriver } from './open-driver.ts';

/** A server that speaks the JSON API of Google Cloud Storage. */
export interface GcsServer {
  readonly endpoint: string;
  /** Of the account whose signed URLs it takes, if it looks at signatures. */
  readonly accountKey?: { readonly client_email: string; readonly private_key: string };
  createBucket(name: string): Promise<void> | void;
  stop(): Promise<void>;
}

export interface Subject {
  readonly name: string;
  readonly start: () => Promise<GcsServer>;
  readonly prefixes: readonly string[];
}

/** Declares the conformance kit for this driver on a server: started before, stopped after. */
export function describeGcsConformance({ name, start, prefixes }: Subject): void {
  describe(`Google Cloud Storage on ${name}`, () => {
    let server: GcsServer;
    const valid: Input = { bucket: 'set-below' };

    const scratch = async (): Promise<Input> => {
      const bucket = `entrepot-${randomUUID()}`;
      await server.createBucket(bucket);
      // The smallest parts there are: all is kept in memory.
      const { accountKey, endpoint } = server;
      const credentials = accountKey === undefined ? {} : { credentials: accountKey };
      return { bucket, apiEndpoint: endpoint, partSize: 1024 ** 2, ...credentials };
    };
    before(async () => {
      server = await start();
      Object.assign(valid, await scratch());
    });
    after(() => server.stop());

    describePlugin({ describe, it }, storageGcs, { valid, invalid: { bucket: '' } });

    for (const prefix of prefixes) {
      describeStorageDriver(
        { describe, it },
        {
          name: prefix === '' ? `on ${name}` : `on ${name}, under ${prefix}`,
          async create() {
            const input = await scratch();
            const opened: OpenDriver[] = [];
            const open = (): OpenDriver['driver'] => {
              const one = openDriver({ ...input, prefix });
              opened.push(one);
              return one.driver;
            };
            return {
              driver: open(),
              reopen: open,
              async destroy() {
                for (const { bucket } of opened) bucket.close();
              },
            };
          },
        },
      );
    }

    it('leaves nothing of an upload behind that is complete or aborted', async () => {
      const { driver, bucket } = openDriver(await scratch());
      const length = driver.partSize(0);
      for (const end of ['completeUpload', 'abortUpload'] as const) {
        const begun = { key: end, offset: 0, parts: 0, state: await driver.createUpload() };
        await driver.uploadPart(begun, [new Uint8Array(length)]);
        const state = await driver.uploadPart(begun, [new Uint8Array(length)]);
        await driver[end]({ key: end, offset: length, parts: 1, state }, [new Uint8Array(1)]);
      }
      expect(await driver.list('', { limit: 10 })).to.deep.equal({ keys: ['completeUpload'], more: false });
      const left = await new Objects(bucket).list('', { offset: '', next: '', limit: 10 });
      expect(left.objects.map(({ name }) => name)).to.deep.equal(['abortUpload', 'completeUpload']);
      bucket.close();
    });
  });
}
