import { isDigest } from '../../digest.ts';
import { timeOf } from '../ids.ts';
import { layout } from '../distribution/layout.ts';
import { keys } from '../keys.ts';

// Read from keys what they were spelled with. Each gives `undefined` for a key that core would not have spelled so.

/** The digest whose blob record is under `key`. */
export function recordDigest(key: string): string | undefined {
  const [, algorithm = '', , hex = ''] = key.split('/');
  return confirmed(`${algorithm}:${hex}`, (digest) => keys.record(digest) === key);
}

/** The digest whose link, in this repository, is under `key`. */
export function linkDigest(repository: string, key: string): string | undefined {
  const [, , , algorithm = '', hex = ''] = key.split('/');
  return confirmed(`${algorithm}:${hex}`, (digest) => keys.link(repository, digest) === key);
}

/** The digest of the manifest that is under `key` in this repository. */
export function manifestDigest(repository: string, key: string): string | undefined {
  const [, , , algorithm = '', hex = ''] = key.split('/');
  return confirmed(`${algorithm}:${hex}`, (digest) => keys.manifest(repository, digest) === key);
}

/** The digests that a referrers entry brings together. */
export function referrerDigests(
  repository: string,
  key: string,
): { readonly subject: string; readonly digest: string } | undefined {
  const [, , , algorithm = '', hex = '', name = ''] = key.split('/');
  const subject = `${algorithm}:${hex}`;
  const digest = name.replace('-', ':');
  if (!isDigest(subject) || !isDigest(digest) || keys.referrer(repository, subject, digest) !== key)
    return undefined;
  return { subject, digest };
}

/** When the upload began whose bytes are under `key`, in milliseconds since 1970. */
export function uploadTimeOf(key: string): number | undefined {
  const id = key.slice(key.lastIndexOf('/') + 1);
  return keys.data(id) === key ? timeOf(id) : undefined;
}

/** Whether core has spelled this as the key of bytes, or taken them over where they are. */
export function isKeyOfBytes(text: string): boolean {
  return uploadTimeOf(text) !== undefined || layout.isForeign(text);
}

function confirmed(digest: string, isSpelledSo: (digest: string) => boolean): string | undefined {
  return isDigest(digest) && isSpelledSo(digest) ? digest : undefined;
}
