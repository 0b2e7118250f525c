import {
  isStorageError,
  withMethods,
  type ListPage,
  type SmallObject,
  type StorageDriver,
} from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import {
  blobLinkFormat,
  blobRecordFormat,
  type BlobLink,
  type BlobRecord,
} from '../../core/src/store/blob-records.ts';
import { keys } from '../../core/src/store/keys.ts';
import { manifestFormat, type StoredManifest } from '../../core/src/store/stored-manifest.ts';
import { RecordingDriver } from '../../core/test/store/recording-driver.ts';
import { explore, failureOf } from '../races/explore.ts';
import { stoppedClock } from '../races/stopped-clock.ts';
import { blobCases, manifestCases, orLearn } from './cases.ts';
import { push } from './clients.ts';
import { collectionOn, finish, HOUR } from './collecting.ts';
import { collectionScene, type Alter, type Case } from './collection-scene.ts';
import { FilledStore } from './filled-store.ts';
import { deletion, taggedImage, undoCases } from './undo-cases.ts';

/** A driver that gives some records as others, under the versions they have. */
function showing(
  driver: StorageDriver,
  isMeant: (key: string) => boolean,
  show: (bytes: Uint8Array, key: string) => Uint8Array | undefined,
): StorageDriver {
  return withMethods(driver, {
    read: async (key): Promise<SmallObject | undefined> => {
      const object = await driver.read(key);
      if (object === undefined || !isMeant(key)) return object;
      const bytes = show(object.bytes, key);
      return bytes === undefined ? undefined : { bytes, etag: object.etag };
    },
  });
}

const isRecord = (key: string): boolean => key.startsWith('blobs/');
const isLink = (key: string): boolean => /^repos\/[^/]+\/blobs\//.test(key);
const isManifest = (key: string): boolean => /^repos\/[^/]+\/manifests\//.test(key);

function recordsAs(change: (record: BlobRecord) => BlobRecord): Alter {
  return (driver) =>
    showing(driver, isRecord, (bytes) => {
      const record = blobRecordFormat.decode(bytes);
      return record === undefined ? bytes : blobRecordFormat.encode(change(record));
    });
}

function manifestsAs(change: (manifest: StoredManifest) => StoredManifest): Alter {
  return (driver) =>
    showing(driver, isManifest, (bytes) => {
      const manifest = manifestFormat.decode(bytes);
      return manifest === undefined ? bytes : manifestFormat.encode(change(manifest));
    });
}

/** Writes and deletes whatever version is there, as long as there is one. */
const withoutConditions: Alter = (driver) =>
  withMethods(driver, {
    write: async (key, bytes, options) => {
      const current = await driver.read(key);
      return driver.write(key, bytes, current === undefined ? options : { ifMatch: current.etag });
    },
    delete: (key) => driver.delete(key),
  });

/** Takes what was condemned a moment ago for condemned long ago. */
const withoutSettling = recordsAs((record) => ({ ...record, since: 0 }));

/** Takes what is condemned for live: nothing is confirmed before it is promised. */
const withoutRescue = recordsAs((record) =>
  record.state === 'condemned' ? { ...record, state: 'live' } : record,
);

/** Takes what is being deleted for live. */
const withoutDoom = recordsAs((record) =>
  record.state === 'deleting' ? { ...record, state: 'live' } : record,
);

/** Takes every link for one of the life that the record is in. */
const withoutIncarnations: Alter = (driver) => {
  let life: string | undefined;
  return withMethods(driver, {
    read: async (key) => {
      const object = await driver.read(key);
      if (object === undefined) return undefined;
      if (isRecord(key)) life = blobRecordFormat.decode(object.bytes)?.incarnation ?? life;
      const link: BlobLink | undefined = isLink(key) ? blobLinkFormat.decode(object.bytes) : undefined;
      if (link === undefined || life === undefined) return object;
      return { bytes: blobLinkFormat.encode({ ...link, incarnation: life }), etag: object.etag };
    },
  });
};

/** Does not confirm manifests that are condemned. */
const withoutManifestRescue = manifestsAs((manifest) => ({ ...manifest, condemned: undefined }));

/** Marks without the manifests that are condemned themselves, as if what only they hold could go at once. */
const withoutLevels: Alter = (driver) => {
  const marked = new Set<string>();
  return showing(driver, isManifest, (bytes, key) => {
    const isMark = !marked.has(key);
    marked.add(key);
    return isMark && manifestFormat.decode(bytes)?.condemned !== undefined ? undefined : bytes;
  });
};

/** Takes what is deleted for absent. */
const withoutDeleted: Alter = (driver) =>
  showing(driver, isManifest, (bytes) =>
    manifestFormat.decode(bytes)?.deleted === undefined ? bytes : undefined,
  );

/** Looks at deleted tags before it looks at those that are there. */
const withoutSecondLook: Alter = (driver) => {
  let first: Promise<ListPage> | undefined;
  return withMethods(driver, {
    list: (prefix, options) => {
      if (prefix !== keys.deletedTags) return driver.list(prefix, options);
      first ??= driver.list(prefix, options);
      return first;
    },
  });
};

interface Safeguard {
  readonly scene: Case | undefined;
  readonly collectors?: Alter;
  readonly clients?: Alter;
}

/** A push that begins again when a blob is gone that it was promised: what counts here is what can be pulled. */
const pushing = { P: orLearn(push('a')) };

/** Each safeguard, and a scene in which content is lost without it. */
const safeguards: Readonly<Record<string, Safeguard>> = {
  'that each step is a compare-and-swap': {
    scene: { state: 'condemned', clients: pushing },
    collectors: withoutConditions,
  },
  'that a condemned blob settles before a mark that may doom it': {
    scene: { state: 'live', clients: pushing, collectors: 2 },
    collectors: withoutSettling,
  },
  'that a push confirms what is condemned': {
    scene: { state: 'condemned', clients: pushing },
    clients: withoutRescue,
  },
  'that what is being deleted counts as absent': {
    scene: { state: 'deleting', clients: pushing },
    clients: withoutDoom,
  },
  'that a link is of one life of its blob': {
    scene: blobCases['an upload to the same repository'],
    collectors: withoutIncarnations,
  },
  'that a push confirms the manifests that an index lists': {
    scene: manifestCases['a push of an index that lists it, and the last steps'],
    clients: withoutManifestRescue,
  },
  'that what a condemned index lists stays until it is gone': {
    scene: manifestCases['a tag for an index of an index that was condemned with all it lists'],
    collectors: withoutLevels,
  },
  'that what is deleted keeps its blobs': {
    scene: {
      state: 'condemned',
      before: taggedImage,
      clients: { D: deletion },
      rules: { restoreWindow: 10 * HOUR },
      keepsDeleted: true,
    },
    collectors: withoutDeleted,
  },
  'that what is kept of deleted tags is looked at after the tags': {
    scene: undoCases['the deletion of a tag that a mark has missed, whose image was condemned'],
    collectors: withoutSecondLook,
  },
  'that what was deleted goes by its version': {
    scene: undoCases['the restoration of an image whose time is over'],
    collectors: withoutConditions,
  },
};

describe('Without a safeguard of collection some order of the steps loses content', () => {
  for (const [what, { scene, collectors, clients }] of Object.entries(safeguards)) {
    it(what, async () => {
      if (scene === undefined) throw new Error('there is no such scene');
      const unsafe = collectionScene({
        ...scene,
        ...(collectors === undefined ? {} : { alterCollectors: collectors }),
        ...(clients === undefined ? {} : { alterClients: clients }),
      });
      const failure = await failureOf(explore(unsafe, { limit: 3000 }));
      expect(failure).to.match(/content is lost|a promise is broken/);
    });
  }

  it('that an error of storage is not absence', async () => {
    stoppedClock.stop();
    try {
      const recording = new RecordingDriver();
      const filled = new FilledStore(recording);
      const image = await filled.pushImage('team/app', 'image', { tags: ['v1'] });
      const failing = withMethods(recording, {
        read: (key) => (isManifest(key) ? Promise.reject(new Error('not now')) : recording.read(key)),
      });
      const takenForAbsence = withMethods(failing, {
        read: (key) =>
          failing.read(key).catch((error: unknown) => {
            if (isStorageError(error)) throw error;
            return undefined;
          }),
      });
      for (let run = 0; run < 2; run += 1) {
        stoppedClock.pass(HOUR);
        await finish(collectionOn(takenForAbsence, filled.store));
      }
      expect(await filled.hasBlob('team/app', image.layer)).to.equal(false);
    } finally {
      stoppedClock.release();
    }
  });
});
