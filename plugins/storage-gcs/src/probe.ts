import { probe, type ProbeCondition } from '@entrepot/plugin-sdk/buckets';
import type { Bucket } from './gcs/bucket.ts';
import { Objects, type Condition } from './gcs/objects.ts';

/** Writers of one object at once. */
const RACERS = 8;

/**
 * Finds out whether the bucket does what the driver relies on.
 * @throws UnfitBackend with the reason when it does not; StorageError when it cannot be asked.
 */
export async function probeBucket(bucket: Bucket): Promise<void> {
  const { names } = bucket;
  const objects = new Objects(bucket);
  const nameOf = (key: string): string => names.nameOf(key);
  await probe(
    {
      words: {
        bucket: 'bucket',
        object: 'an object',
        ifAbsent: 'ifGenerationMatch=0',
        ifMatch: 'ifGenerationMatch',
        version: 'generation',
        startFrom: 'startOffset',
      },
      async put(key, bytes, condition, id) {
        const options = { condition: conditionOf(condition), id };
        return (await objects.put(nameOf(key), [bytes], options)).value?.generation;
      },
      async head(key) {
        const found = await objects.head(nameOf(key));
        return found === undefined ? undefined : { id: found.id, version: found.generation };
      },
      async list(prefix, from) {
        const offset = from === '' ? '' : nameOf(from);
        const page = await objects.list(nameOf(prefix), { offset, next: '', limit: 10 });
        return page.objects.map(({ name }) => names.keyOf(name));
      },
      async lengthOf(key, range) {
        const { value } = await objects.open(nameOf(key), range);
        value?.body.destroy();
        return value?.length;
      },
      async assemble(key, partKeys, part) {
        const parts = partKeys.map(nameOf);
        await Promise.all(
          parts.map((name) => objects.put(name, [part], { condition: undefined, id: 'part' })),
        );
        const options = { condition: 'absent', id: 'upload' } as const;
        const { outcome, value } = await objects.compose(nameOf(key), parts, options);
        if (outcome !== undefined) return outcome === 'refused' ? 'refused' : 'failed';
        return value.size === parts.length * part.length ? 'done' : 'failed';
      },
      delete: (key, version) => objects.delete(nameOf(key), version),
    },
    RACERS,
  );
}

function conditionOf(condition: ProbeCondition): Condition {
  return typeof condition === 'object' ? { generation: condition.version } : condition;
}
