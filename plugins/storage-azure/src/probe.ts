import { probe, type ProbeCondition } from '@entrepot/plugin-sdk/buckets';
import { Blobs, type Condition } from './azure/blobs.ts';
import type { Container } from './azure/container.ts';

/** Writers of one blob at once. */
const RACERS = 16;

/**
 * Finds out whether the container does what the driver relies on.
 * @throws UnfitBackend with the reason when it does not; StorageError when it cannot be asked.
 */
export async function probeContainer(container: Container): Promise<void> {
  const blobs = new Blobs(container);
  await probe(
    {
      words: {
        bucket: 'container',
        object: 'a blob',
        ifAbsent: 'If-None-Match: *',
        ifMatch: 'If-Match',
        version: 'etag',
        startFrom: 'startFrom',
      },
      async put(key, bytes, condition, id) {
        return (await blobs.put(key, bytes, { condition: conditionOf(condition), id })).value;
      },
      async head(key) {
        const found = await blobs.head(key);
        return found === undefined ? undefined : { id: found.id, version: found.etag };
      },
      async list(prefix, from) {
        const page = await blobs.list(prefix, { from, next: '', limit: 10 });
        return page.blobs.map(({ key }) => key);
      },
      async lengthOf(key, range) {
        const { value } = await blobs.open(key, range);
        value?.body.destroy();
        return value?.length;
      },
      /** The parts of an upload are blocks of the blob itself. */
      async assemble(key, partKeys, part) {
        const blocks = partKeys.map((_, index) => Buffer.from(String(index)).toString('base64'));
        for (const block of blocks) await blobs.stage(key, block, [part]);
        const { outcome } = await blobs.commit(key, blocks, { condition: 'absent', id: 'upload' });
        if (outcome === undefined) return 'done';
        return outcome === 'refused' ? 'refused' : 'failed';
      },
      delete: (key, version) => blobs.delete(key, version),
    },
    RACERS,
  );
}

function conditionOf(condition: ProbeCondition): Condition {
  return typeof condition === 'object' ? { etag: condition.version } : condition;
}
