import type { StorageDriver } from '@entrepot/plugin-sdk';
import { blobRecordFormat, type BlobRecord } from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import type { Store } from '../../core/src/store/index.ts';
import { stored, upload } from '../races/blob-requests.ts';
import type { Scene } from '../races/explore.ts';
import { openStore } from '../races/registry-view.ts';
import type { Stage } from '../races/stage.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { layerDigest, type Client } from './clients.ts';
import { collectionOn, finish, HOUR, type Rules } from './collecting.ts';
import { flawsIn } from './wholeness.ts';

/** What is done to the driver of an actor. A safeguard is taken away by making the driver lie. */
export type Alter = (driver: StorageDriver) => StorageDriver;

export interface Case {
  /** What is there before besides the layer, which the repository `a` has. */
  readonly before?: (store: Store) => Promise<void>;
  /** The state in which collection has left the layer an hour ago, if it is there. */
  readonly state?: BlobRecord['state'];
  /** Done to what is stored before. */
  readonly arrange?: (driver: StorageDriver) => Promise<void>;
  readonly clients: Readonly<Record<string, Client>>;
  /** How many runs of collection there are at the same time. */
  readonly collectors?: number;
  readonly rules?: Rules;
  /** Whether what is deleted can be restored. */
  readonly keepsDeleted?: boolean;
  /** With how many deaths there are too many orders to play all of them in minutes. */
  readonly vast?: readonly number[];
  /** Nobody dies: a push that dies while its manifest is deleted is the one race that is accepted. */
  readonly isWithoutDeaths?: boolean;
  readonly alterClients?: Alter;
  readonly alterCollectors?: Alter;
}

const unaltered: Alter = (driver) => driver;

/**
 * A scene of clients and of whole runs of collection, of the real one on the real store. In the end nothing that can be
 * reached lacks anything, and promises are kept: also once other runs have gone on where those have ended or died.
 */
export function collectionScene({
  before,
  state,
  arrange,
  clients,
  collectors = 1,
  rules = {},
  keepsDeleted = false,
  alterClients = unaltered,
  alterCollectors = unaltered,
}: Case): Scene {
  const open = (driver: StorageDriver): Store => openStore(driver, { keepsDeleted });
  return {
    // The catalog knows no order, and a count decides nothing: keys are listed for it first.
    passes: / catalog\/|^C\d list (?:blobs|deleted-tags|repos)\/$/,
    setup: async (stage) => {
      const driver = stage.driver();
      const store = open(driver);
      if (state !== undefined) await upload(store, 'a', stored);
      await before?.(store);
      if (state !== undefined) await becomes(driver, state);
      await arrange?.(driver);
    },
    actors: (stage): Readonly<Record<string, () => Promise<unknown>>> => {
      stoppedClock.pass(HOUR);
      const acting = Object.entries(clients).map(([name, { act }]) => {
        const store = open(alterClients(stage.driver()));
        return [name, () => act(store)] as const;
      });
      const collecting = Array.from({ length: collectors }, (_, index) => {
        const driver = stage.driver();
        const collection = collectionOn(alterCollectors(driver), open(driver), rules);
        return [`C${index + 1}`, () => finish(collection)] as const;
      });
      return Object.fromEntries<() => Promise<unknown>>([...acting, ...collecting]);
    },
    check: async (stage) => {
      for (const { outcome } of stage.actors) if (outcome.end === 'error') throw outcome.error;
      await expectWhole(stage);
      await expectKept(stage, clients, () => true);
      for (const hours of [0, 1, 1, 1]) {
        stoppedClock.pass(hours * HOUR);
        const driver = stage.driver();
        await finish(collectionOn(driver, open(driver), rules));
        await expectWhole(stage);
        await expectKept(stage, clients, ({ lasts }) => lasts || hours === 0);
      }
    },
  };
}

async function becomes(driver: StorageDriver, state: BlobRecord['state']): Promise<void> {
  const key = keys.record(layerDigest);
  const object = await driver.read(key);
  const record = object === undefined ? undefined : blobRecordFormat.decode(object.bytes);
  if (object === undefined || record === undefined) throw new Error('nothing has been stored');
  if (record.state !== state)
    await driver.write(key, blobRecordFormat.encode({ ...record, state }), { ifMatch: object.etag });
}

async function expectWhole(stage: Stage): Promise<void> {
  const flaws = await flawsIn(stage.driver());
  if (flaws.length > 0) throw new Error(`content is lost: ${flaws.join(', ')}`);
}

async function expectKept(
  stage: Stage,
  clients: Readonly<Record<string, Client>>,
  isDue: (client: Client) => boolean,
): Promise<void> {
  const store = openStore(stage.driver());
  // What a client deletes or tags besides is not what another was promised for ever.
  for (const { name, outcome } of stage.actors) {
    const client = clients[name];
    if (client === undefined || outcome.end !== 'answer' || outcome.answer !== client.promise) continue;
    if (isDue(client) && !(await client.isKept(store)))
      throw new Error(`a promise is broken: that of ${name}`);
  }
}
