import { isDigest } from '../digest.ts';
import { isRepositoryName, isTag } from '../http/match-route.ts';

/** What a person names on the command line. */
export type Reference =
  | { readonly repository: string; readonly tag: string }
  | { readonly repository: string; readonly digest: string };

/** Reads `REPO:TAG` or `REPO@DIGEST`. @throws Error when it is neither. */
export function referenceOf(text: string): Reference {
  const at = text.indexOf('@');
  const digest = text.slice(at + 1);
  if (at !== -1 && isDigest(digest) && isRepositoryName(text.slice(0, at)))
    return { repository: text.slice(0, at), digest };
  const colon = text.lastIndexOf(':');
  const tag = text.slice(colon + 1);
  if (at === -1 && colon !== -1 && isTag(tag) && isRepositoryName(text.slice(0, colon)))
    return { repository: text.slice(0, colon), tag };
  throw new Error(
    `'${text}' is neither REPO:TAG nor REPO@DIGEST: the repository is named as in its URL, without the host`,
  );
}

/** Reads `REPO:TAG`. @throws Error when it is something else. */
export function tagReferenceOf(text: string): { readonly repository: string; readonly tag: string } {
  const reference = referenceOf(text);
  if ('tag' in reference) return reference;
  throw new Error(`'${text}' names a manifest, not a tag: REPO:TAG is wanted`);
}
