import { createHash } from 'node:crypto';
import type { Memory } from '@entrepot/storage-memory';
import type { Answer, Replica } from './replica.ts';

const REPOSITORY = '/v2/library/app';
const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const MANY = 100_000;
const REFERRERS = 100;

/** How much of what. The bytes of a blob come with the last round of a pull. */
export type Aim = `${number} ${'rounds' | 'before the data' | 'writes' | 'lists'}`;

/** Something clients do. */
export interface Operation {
  readonly title: string;
  /** What it should take at most: `3 rounds`, `1 before the data`. */
  readonly aim?: Aim;
  /** What is in storage, and remembered by the replica, before it is done. */
  readonly given?: (replica: Replica) => Promise<unknown>;
  /** What is in storage only: another replica has done it. */
  readonly stored?: (replica: Replica) => Promise<unknown>;
  /** What is put into storage directly. */
  readonly seeded?: (memory: Memory) => void;
  readonly perform: (replica: Replica) => Promise<unknown>;
}

const small = contentOf('small', 1024);
const middling = contentOf('middling', 64 * 1024);
const big = contentOf('big', 20 * 1024 * 1024);
/** Layers too long for a record. */
const layers = Array.from({ length: 100 }, (_, index) => contentOf(`layer ${index}`, 80 * 1024));
const image = manifestOf(layers.slice(0, 1));

const pull =
  (method: string, reference: string) =>
  (replica: Replica): Promise<Answer> =>
    replica.ask(method, `${REPOSITORY}/manifests/${reference}`, 200);

const pullBlob =
  (method: string, bytes: Buffer) =>
  (replica: Replica): Promise<Answer> =>
    replica.ask(method, `${REPOSITORY}/blobs/${digestOf(bytes)}`, 200);

/** As docker does it: a session, then the bytes, then its end. */
const push =
  (bytes: Buffer) =>
  async (replica: Replica): Promise<void> => {
    const { location } = await replica.ask('POST', `${REPOSITORY}/blobs/uploads/`, 202);
    const { location: next } = await replica.ask('PATCH', location, 202, { body: bytes });
    await replica.ask('PUT', `${next}?digest=${digestOf(bytes)}`, 201);
  };

const pushInOnePut =
  (bytes: Buffer) =>
  async (replica: Replica): Promise<void> => {
    const { location } = await replica.ask('POST', `${REPOSITORY}/blobs/uploads/`, 202);
    await replica.ask('PUT', `${location}?digest=${digestOf(bytes)}`, 201, { body: bytes });
  };

const put =
  (manifest: Buffer, reference: string) =>
  (replica: Replica): Promise<Answer> =>
    replica.ask('PUT', `${REPOSITORY}/manifests/${reference}`, 201, { type: TYPE, body: manifest });

const pushLayers =
  (count: number) =>
  async (replica: Replica): Promise<void> => {
    for (const layer of layers.slice(0, count)) await pushInOnePut(layer)(replica);
  };

const pushImage = async (replica: Replica): Promise<void> => {
  await pushLayers(1)(replica);
  await put(image, 'latest')(replica);
};

const putOf = (count: number): readonly Operation[] => [
  {
    title: `PUT of a manifest with ${layersOf(count)} by tag, pushed here`,
    aim: '3 rounds',
    stored: pushImage,
    given: pushLayers(count),
    perform: put(manifestOf(layers.slice(0, count), 'new'), 'new'),
  },
  {
    title: `PUT of a manifest with ${layersOf(count)} by tag, pushed elsewhere`,
    aim: '3 rounds',
    stored: async (replica) => {
      await pushImage(replica);
      await pushLayers(count)(replica);
    },
    perform: put(manifestOf(layers.slice(0, count), 'new'), 'new'),
  },
];

const digest = digestOf(image);

export const operations: readonly Operation[] = [
  {
    title: 'GET of a manifest by tag, cold',
    aim: '2 rounds',
    stored: pushImage,
    perform: pull('GET', 'latest'),
  },
  {
    title: 'GET of a manifest by tag, warm',
    aim: '2 rounds',
    stored: pushImage,
    given: pull('GET', 'latest'),
    perform: pull('GET', 'latest'),
  },
  {
    title: 'HEAD of a manifest by tag, cold',
    aim: '2 rounds',
    stored: pushImage,
    perform: pull('HEAD', 'latest'),
  },
  {
    title: 'GET of a manifest by digest, cold',
    aim: '1 rounds',
    stored: pushImage,
    perform: pull('GET', digest),
  },
  {
    title: 'GET of a manifest by digest, warm',
    aim: '1 rounds',
    stored: pushImage,
    given: pull('GET', digest),
    perform: pull('GET', digest),
  },
  {
    title: 'HEAD of a manifest by digest, cold',
    aim: '1 rounds',
    stored: pushImage,
    perform: pull('HEAD', digest),
  },
  {
    title: 'GET of a blob of 1 KiB, cold',
    aim: '1 before the data',
    stored: push(small),
    perform: pullBlob('GET', small),
  },
  {
    title: 'GET of a blob of 64 KiB, cold',
    aim: '1 before the data',
    stored: push(middling),
    perform: pullBlob('GET', middling),
  },
  {
    title: 'GET of a blob of 64 KiB, warm',
    aim: '1 before the data',
    stored: push(middling),
    given: pullBlob('GET', middling),
    perform: pullBlob('GET', middling),
  },
  {
    title: 'GET of a blob of 20 MiB, cold',
    aim: '1 before the data',
    stored: push(big),
    perform: pullBlob('GET', big),
  },
  {
    title: 'GET of a blob of 20 MiB, warm',
    aim: '1 before the data',
    stored: push(big),
    given: pullBlob('GET', big),
    perform: pullBlob('GET', big),
  },
  { title: 'HEAD of a blob of 20 MiB, cold', stored: push(big), perform: pullBlob('HEAD', big) },
  { title: 'Push of a blob of 1 KiB, POST and PUT', aim: '4 writes', perform: pushInOnePut(small) },
  { title: 'Push of a blob of 1 KiB, POST, PATCH and PUT', aim: '4 writes', perform: push(small) },
  { title: 'Push of a blob of 20 MiB, POST and PUT', perform: pushInOnePut(big) },
  { title: 'Push of a blob of 20 MiB, POST, PATCH and PUT', perform: push(big) },
  ...[1, 10, 100].flatMap(putOf),
  {
    title: 'PUT of a manifest with 10 layers by digest, pushed here',
    aim: '3 rounds',
    stored: pushImage,
    given: pushLayers(10),
    perform: put(manifestOf(layers.slice(0, 10), 'new'), digestOf(manifestOf(layers.slice(0, 10), 'new'))),
  },
  {
    title: 'PUT of a manifest with 10 layers by digest, pushed elsewhere',
    aim: '3 rounds',
    stored: async (replica) => {
      await pushImage(replica);
      await pushLayers(10)(replica);
    },
    perform: put(manifestOf(layers.slice(0, 10), 'new'), digestOf(manifestOf(layers.slice(0, 10), 'new'))),
  },
  {
    title: 'PUT of a manifest that is there, by another tag',
    aim: '3 rounds',
    stored: pushImage,
    perform: put(image, 'another'),
  },
  {
    title: 'DELETE of a tag',
    aim: '2 writes',
    stored: pushImage,
    given: pull('GET', 'latest'),
    perform: (replica) => replica.ask('DELETE', `${REPOSITORY}/manifests/latest`, 202),
  },
  {
    title: 'DELETE of a manifest with one tag',
    aim: '4 writes',
    stored: pushImage,
    given: pull('GET', 'latest'),
    perform: (replica) => replica.ask('DELETE', `${REPOSITORY}/manifests/${digest}`, 202),
  },
  {
    title: 'A page of 100 tags among 100,000',
    aim: '1 lists',
    stored: pushImage,
    seeded: (memory) => {
      for (const name of names()) memory.put(`repos/library~app/tags/${name}`, []);
    },
    perform: (replica) => replica.ask('GET', `${REPOSITORY}/tags/list?n=100&last=v050000`, 200),
  },
  {
    title: 'A page of 100 repositories among 100,000',
    aim: '1 lists',
    seeded: (memory) => {
      for (const name of names()) memory.put(`catalog/${name}`, []);
    },
    perform: (replica) => replica.ask('GET', '/v2/_catalog?n=100&last=v050000', 200),
  },
  {
    title: `The referrers of an image, of which it has ${REFERRERS}`,
    aim: '1 lists',
    stored: async (replica) => {
      await pushImage(replica);
      for (let index = 0; index < REFERRERS; index += 1) {
        const referrer = manifestOf([], `referrer ${index}`, image);
        await put(referrer, digestOf(referrer))(replica);
      }
    },
    perform: (replica) => replica.ask('GET', `${REPOSITORY}/referrers/${digest}`, 200),
  },
];

function layersOf(count: number): string {
  return count === 1 ? '1 layer' : `${count} layers`;
}

function names(): string[] {
  return Array.from({ length: MANY }, (_, index) => `v${String(index).padStart(6, '0')}`);
}

/** Bytes that differ from those of other titles. */
function contentOf(title: string, length: number): Buffer {
  return Buffer.alloc(length, `${title} `);
}

function manifestOf(blobs: readonly Buffer[], title = 'image', subject?: Buffer): Buffer {
  const descriptorOf = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPE,
      layers: blobs.map((bytes) => descriptorOf('application/octet-stream', bytes)),
      annotations: { title },
      ...(subject === undefined ? {} : { subject: descriptorOf(TYPE, subject) }),
    }),
  );
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
