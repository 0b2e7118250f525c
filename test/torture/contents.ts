import type { Client } from './client.ts';
import {
  contentOf,
  digestOf,
  type Content,
  type PushedBlob,
  type PushedManifest,
  type RepositoryLedger,
} from './ledger.ts';
import { imageOf } from './manifests.ts';
import { isBlobThere } from './pulls.ts';
import { Random } from './random.ts';
import { blobPath, upload } from './uploads.ts';

const SHARED_IMAGES = 6;
const TAGS = 8;

/**
 * Bytes that nobody has pushed yet: few, which the registry keeps in a record; more, which it writes at once; or many,
 * which it takes in parts. Now and then there is none at all.
 */
export function freshContent({ random }: Client): Content {
  const dice = random.next();
  const size =
    dice < 0.02
      ? 0
      : dice < 0.4
        ? random.below(16_384)
        : dice < 0.75
          ? 16_385 + random.below(150_000)
          : 1_000_000 + random.below(1_500_000);
  const bytes = random.bytes(size);
  return random.chance(0.1) ? { bytes, digest: digestOf(bytes, 'sha512') } : contentOf(bytes);
}

/** One of the client's two repositories. */
export function ownOf({ random, own }: Client): RepositoryLedger {
  return random.pick(own);
}

/** Makes a manifest one of its own. */
export function noteOf({ name, random }: Client): string {
  return `${name} ${random.below(2 ** 32)}`;
}

/** No tag, one, or several. */
export function someTags({ random }: Client): string[] {
  const count = random.pick([0, 1, 1, 1, 1, 3]);
  return [...new Set(Array.from({ length: count }, () => `t${random.below(TAGS)}`))];
}

/** Blobs that the repository certainly has: old ones, new ones, and mounted ones. `undefined` when one could not be had. */
export async function someBlobs(
  client: Client,
  repository: RepositoryLedger,
): Promise<Content[] | undefined> {
  const blobs = new Map<string, Content>();
  for (let count = 1 + client.random.below(3); count > 0; count -= 1) {
    const present = repository.presentBlobs(client.ledger.next());
    if (present.length > 0 && client.random.chance(0.4)) {
      const blob = client.random.pick(present);
      blobs.set(blob.digest, blob);
      continue;
    }
    const content = freshContent(client);
    await upload(client, repository, content);
    if (repository.blob(content).there.certain(client.ledger.next()) !== true) return undefined;
    blobs.set(content.digest, content);
  }
  return [...blobs.values()];
}

/** POST with `mount`. @throws Unanswered */
export async function mount(
  client: Client,
  from: RepositoryLedger,
  to: RepositoryLedger,
  { bytes, digest }: PushedBlob,
): Promise<void> {
  const path = `/v2/${to.name}/blobs/uploads/?mount=${digest}&from=${from.name}`;
  await client.change(
    blobPath(to, digest),
    { method: 'POST', path },
    {
      begin: (at) => [to.blob({ bytes, digest }).there.change(true, at)],
      done: 201,
    },
  );
}

/** One of a few images that all clients push; its blobs are there. `undefined` when one could not be had. */
export async function sharedImage(client: Client): Promise<PushedManifest | undefined> {
  const { shared, random, ledger } = client;
  const number = random.below(SHARED_IMAGES);
  const chance = new Random(number);
  const contents = [contentOf(chance.bytes(500)), contentOf(chance.bytes(40_000))];
  for (const content of contents) {
    if (await isBlobThere(client, shared, content)) continue;
    await upload(client, shared, content);
    if (shared.blob(content).there.certain(ledger.next()) !== true) return undefined;
  }
  const first = [...shared.manifests.values()][0];
  // Every other one is a referrer of the first that was pushed.
  const subject = number % 2 === 1 && first?.subject === undefined ? first : undefined;
  return imageOf(shared, contents, {
    note: `shared ${number}`,
    ...(subject === undefined ? {} : { subject }),
  });
}
