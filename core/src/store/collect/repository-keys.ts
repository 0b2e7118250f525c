import { keys, type Section } from '../keys.ts';
import type { PacedStorage } from './paced-storage.ts';

/**
 * The keys of all repositories that are in one of these sections, page by page, in the order of the keys. Other
 * sections are jumped over as soon as a page ends in one: many small repositories share a page, a large one has no page
 * read in vain. The catalog is not asked: a push that died may have left a manifest without an entry there.
 */
export async function* repositoryKeys(
  storage: PacedStorage,
  ...sections: readonly Section[]
): AsyncGenerator<readonly string[]> {
  const isWanted = (key: string): boolean => sections.some((section) => keys.isInSection(key, section));
  let startAfter = '';
  for (let more = true; more;) {
    const page = await storage.list(keys.repositories, startAfter);
    const wanted = page.keys.filter(isWanted);
    if (wanted.length > 0) yield wanted;
    const last = page.keys.at(-1);
    if (last !== undefined) startAfter = isWanted(last) ? last : keys.afterSection(last);
    ({ more } = page);
  }
}
