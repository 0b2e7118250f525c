import type { Client } from './client.ts';
import { freshContent, mount, noteOf, ownOf, sharedImage, someBlobs, someTags } from './contents.ts';
import { contentOf, digestOf } from './ledger.ts';
import { deleteManifest, deleteTag, imageOf, indexOf, putManifest } from './manifests.ts';
import { pullManifest, pullTag } from './pulls.ts';
import { blobPath, resume, upload } from './uploads.ts';

/** More than this is deleted again, so that all of it can be read back after each kill. */
const MAX_MANIFESTS = 10;
const MAX_LOOSE_BLOBS = 10;
const SHARED_TAGS = 3;

/**
 * Something a client does, in one or several requests. Whether it was done: when there is nothing yet to do it with, the
 * client does what will give it.
 * @throws Unanswered
 */
type Act = (client: Client) => Promise<boolean>;

/** Everything clients do. In this order, each finds what it needs. */
export const actNames = [
  'upload',
  'uploadAgain',
  'uploadWrongly',
  'cancel',
  'resume',
  'mount',
  'push',
  'pushNew',
  'pushReferrer',
  'pushIndex',
  'retag',
  'deleteTag',
  'deleteManifest',
  'deleteReferrer',
  'deleteBlob',
  'pull',
  'list',
  'pushShared',
  'deleteShared',
  'race',
] as const;

export type ActName = (typeof actNames)[number];

export const acts: Readonly<Record<ActName, Act>> = {
  upload: async (client) => {
    const repository = ownOf(client);
    await upload(client, repository, freshContent(client));
    return true;
  },

  /** The same blob once more, as clients do that do not ask before. */
  uploadAgain: async (client) => {
    const repository = ownOf(client);
    const blobs = repository.presentBlobs(client.ledger.next()).filter(({ bytes }) => bytes.length > 16_384);
    if (blobs.length === 0) return instead(client, 'upload');
    await upload(client, repository, client.random.pick(blobs));
    return true;
  },

  uploadWrongly: async (client) => {
    const repository = ownOf(client);
    const { bytes } = contentOf(client.random.bytes(1_200_000 + client.random.below(500_000)));
    const digest = digestOf(Buffer.from('something else'));
    const path = `/v2/${repository.name}/blobs/uploads/?digest=${digest}`;
    const { status } = await client.ask(blobPath(repository, digest), { method: 'POST', path, body: bytes });
    if (status < 500 && status !== 400)
      client.ledger.found(
        'wrong',
        blobPath(repository, digest),
        `bytes that do not fit are answered with ${status}`,
      );
    return true;
  },

  cancel: async (client) => {
    const repository = ownOf(client);
    const object = `${repository.name}/uploads`;
    const begun = await client.ask(object, { method: 'POST', path: `/v2/${repository.name}/blobs/uploads/` });
    const path = begun.headers.location ?? '';
    const body = client.random.bytes(1 + client.random.below(1_500_000));
    await client.ask(object, { method: 'PATCH', path, body });
    const { status } = await client.ask(object, { method: 'DELETE', path });
    if (status !== 204) client.ledger.found('wrong', object, `cancelling is answered with ${status}`);
    const after = await client.ask(object, { method: 'GET', path });
    if (after.status !== 404) client.ledger.found('wrong', object, `a cancelled upload is ${after.status}`);
    return true;
  },

  resume: (client) => resume(client),

  mount: async (client) => {
    const [from, to] = client.own;
    const blobs = from.presentBlobs(client.ledger.next());
    if (blobs.length === 0) return instead(client, 'upload');
    await mount(client, from, to, client.random.pick(blobs));
    return true;
  },

  push: async (client) => {
    const repository = ownOf(client);
    if (repository.topManifests(client.ledger.next()).length >= MAX_MANIFESTS) {
      return instead(client, 'deleteManifest');
    }
    const blobs = await someBlobs(client, repository);
    if (blobs === undefined) return false;
    const image = imageOf(repository, blobs, { note: noteOf(client) });
    await putManifest(client, repository, image, someTags(client));
    return true;
  },

  /** To a repository that nobody knows yet. */
  pushNew: async (client) => {
    const repository = client.ledger.repository(`torture/${client.name}/new-${client.random.below(2 ** 32)}`);
    const content = contentOf(client.random.bytes(client.random.below(2_000)));
    await upload(client, repository, content);
    if (repository.blob(content).there.certain(client.ledger.next()) !== true) return false;
    await putManifest(client, repository, imageOf(repository, [content], { note: noteOf(client) }), ['new']);
    return true;
  },

  pushReferrer: async (client) => {
    const repository = ownOf(client);
    const at = client.ledger.next();
    const subjects = repository.presentManifests(at);
    const blobs = repository.presentBlobs(at);
    if (subjects.length === 0 || blobs.length === 0) return instead(client, 'push');
    const subject = client.random.pick(subjects);
    const image = imageOf(repository, [client.random.pick(blobs)], { note: noteOf(client), subject });
    await putManifest(client, repository, image, client.random.chance(0.5) ? [] : someTags(client));
    return true;
  },

  pushIndex: async (client) => {
    const repository = ownOf(client);
    const manifests = repository.presentManifests(client.ledger.next());
    const children = manifests.filter(({ blobs }) => blobs.length > 0).slice(-2);
    if (children.length === 0) return instead(client, 'push');
    await putManifest(client, repository, indexOf(repository, children), someTags(client));
    return true;
  },

  /** A manifest that is there under another tag: the push has nothing new but the tag. */
  retag: async (client) => {
    const repository = ownOf(client);
    const manifests = repository.presentManifests(client.ledger.next());
    if (manifests.length === 0) return instead(client, 'push');
    await putManifest(client, repository, client.random.pick(manifests), someTags(client));
    return true;
  },

  deleteTag: async (client) => {
    const repository = ownOf(client);
    const at = client.ledger.next();
    const set = [...repository.tags].filter(([, tag]) => tag.certain(at) !== undefined);
    if (set.length === 0) return instead(client, 'push');
    await deleteTag(client, repository, client.random.pick(set)[0]);
    return true;
  },

  deleteManifest: async (client) => {
    const repository = ownOf(client);
    const manifests = repository.topManifests(client.ledger.next());
    if (manifests.length === 0) return instead(client, 'push');
    await deleteManifest(client, repository, client.random.pick(manifests));
    if (repository.looseBlobs(client.ledger.next()).length > MAX_LOOSE_BLOBS) await acts.deleteBlob(client);
    return true;
  },

  deleteReferrer: async (client) => {
    const repository = ownOf(client);
    const at = client.ledger.next();
    const referrers = repository.topManifests(at).filter(({ subject }) => subject !== undefined);
    if (referrers.length === 0) return instead(client, 'pushReferrer');
    await deleteManifest(client, repository, client.random.pick(referrers));
    return true;
  },

  deleteBlob: async (client) => {
    const repository = ownOf(client);
    const blobs = repository.looseBlobs(client.ledger.next());
    if (blobs.length === 0) return instead(client, 'upload');
    const blob = client.random.pick(blobs);
    const asked = { method: 'DELETE', path: `/v2/${repository.name}/blobs/${blob.digest}` };
    await client.change(blobPath(repository, blob.digest), asked, {
      begin: (from) => [repository.blob(blob).there.change(false, from)],
      done: 202,
    });
    return true;
  },

  pull: async (client) => {
    const repository = client.random.chance(0.3) ? client.shared : ownOf(client);
    const tags = [...repository.tags.keys()];
    const manifests = repository.presentManifests(client.ledger.next());
    if (tags.length > 0 && client.random.chance(0.6))
      await pullTag(client, repository, client.random.pick(tags));
    else if (manifests.length === 0) return false;
    else await pullManifest(client, repository, client.random.pick(manifests));
    return true;
  },

  list: async (client) => {
    const { name } = client.random.chance(0.5) ? client.shared : ownOf(client);
    await client.ask(name, { method: 'GET', path: `/v2/${name}/tags/list` });
    return true;
  },

  /** One of a few images to one of a few tags that all clients use. */
  pushShared: async (client) => {
    const image = await sharedImage(client);
    if (image === undefined) return false;
    const tag = `shared-${client.random.below(SHARED_TAGS)}`;
    await putManifest(client, client.shared, image, [tag]);
    return true;
  },

  deleteShared: async (client) => {
    const manifests = [...client.shared.manifests.values()];
    if (manifests.length === 0) return instead(client, 'pushShared');
    if (client.random.chance(0.5))
      await deleteTag(client, client.shared, `shared-${client.random.below(SHARED_TAGS)}`);
    else await deleteManifest(client, client.shared, client.random.pick(manifests));
    return true;
  },

  /** The same manifest is pushed and deleted at the same time. */
  race: async (client) => {
    const image = await sharedImage(client);
    if (image === undefined) return false;
    const tag = `shared-${client.random.below(SHARED_TAGS)}`;
    const both = await Promise.allSettled([
      putManifest(client, client.shared, image, [tag]),
      deleteManifest(client, client.shared, image),
    ]);
    for (const one of both) if (one.status === 'rejected') throw one.reason;
    return true;
  },
};

/** What gives it something to do another time. */
async function instead(client: Client, act: ActName): Promise<false> {
  await acts[act](client);
  return false;
}

/** What clients do when nothing in particular is wanted of them: the more often it is here, the more often they do it. */
export const habits: readonly ActName[] = [
  ...actNames.filter((name) => name !== 'pushNew'),
  ...(['push', 'push', 'push', 'pull', 'pull', 'pushShared'] as const),
];
