import { splitDigest } from '../digest.ts';

/**
 * The only place where a storage key is spelled. `<repo>` is the repository's name as one segment, `/` written `~`
 * (which no name contains).
 *
 *     catalog/<repo>                                     the repository exists
 *     repos/<repo>/manifests/<alg>/<hex>                 one line of JSON, then the manifest's exact bytes
 *     repos/<repo>/tags/<tag>                            what the tag points at, and pointed at before
 *     deleted-tags/<repo>/<tag>                          what a deleted tag pointed at, until it can no longer be restored
 *     repos/<repo>/referrers/<alg>/<hex>/<alg>-<hex>     descriptor of one referrer of a subject: no index to fight over
 *     repos/<repo>/blobs/<alg>/<hex>                     blob link: the repository may read this blob
 *     blobs/<alg>/<hh>/<hex>                             blob record: the truth about one digest
 *     data/<hh>/<id>                                     bytes of one upload; written once, its key never used again
 *     uploads/<id>                                       upload session
 *     secrets/upload-ids                                 what the ids of sessions are sealed with
 *     tails/<id>/<offset>                                bytes of a session that did not fill a part yet
 *
 * What `registry verify --repair` sets aside is under `quarantine/<key>`; who collects garbage says so in
 * `collection/lease`, who drops tags by rules in `retention/lease`. `adoption/retirement` says that a registry that was taken over is gone for good.
 */
export const keys = {
  catalog: 'catalog/',
  deletedTags: 'deleted-tags/',
  repositories: 'repos/',
  records: 'blobs/',
  bytes: 'data/',
  uploads: 'uploads/',
  tails: 'tails/',
  uploadSeal: 'secrets/upload-ids',
  collectionLease: 'collection/lease',
  retentionLease: 'retention/lease',
  retirement: 'adoption/retirement',

  repository: (repository: string) => `catalog/${segment(repository)}`,
  /** All that the repository holds. */
  content: (repository: string) => `repos/${segment(repository)}/`,
  manifest: (repository: string, digest: string) => `repos/${segment(repository)}/manifests/${path(digest)}`,
  manifests: (repository: string) => `repos/${segment(repository)}/manifests/`,
  tag: (repository: string, tag: string) => `repos/${segment(repository)}/tags/${tag}`,
  tags: (repository: string) => `repos/${segment(repository)}/tags/`,
  deletedTag: (repository: string, tag: string) => `deleted-tags/${segment(repository)}/${tag}`,
  deletedTagsOf: (repository: string) => `deleted-tags/${segment(repository)}/`,
  referrer: (repository: string, subject: string, digest: string) =>
    `repos/${segment(repository)}/referrers/${path(subject)}/${dashed(digest)}`,
  referrers: (repository: string, subject: string) =>
    `repos/${segment(repository)}/referrers/${path(subject)}/`,
  allReferrers: (repository: string) => `repos/${segment(repository)}/referrers/`,
  links: (repository: string) => `repos/${segment(repository)}/blobs/`,
  link: (repository: string, digest: string) => `repos/${segment(repository)}/blobs/${path(digest)}`,
  record: (digest: string) => {
    const { algorithm, hex } = splitDigest(digest);
    return `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`;
  },
  data: (id: string) => `data/${id.slice(-2)}/${id}`,
  upload: (id: string) => `uploads/${id}`,
  tail: (id: string, offset: number, piece = 0) => `tails/${id}/${offset}${piece === 0 ? '' : `.${piece}`}`,
  quarantined: (key: string) => `quarantine/${key}`,

  /** The name of the repository whose catalog key this is. */
  repositoryOf: (key: string) => lastSegment(key).replaceAll('~', '/'),
  /** The name of the repository that holds what is under this key. */
  holderOf: (key: string) => (key.split('/')[1] ?? '').replaceAll('~', '/'),
  /** Whether this is the key of something in this section of a repository. */
  isInSection: (key: string, section: Section) => key.split('/')[2] === section,
  /** Where all keys of the section end that this key is in, in the order of keys. A key in none ends with itself. */
  afterSection: (key: string) => {
    const parts = key.split('/').slice(0, 3);
    return parts.length === 3 ? parts.join('/') + AFTER_SLASH : key;
  },
  tagOf: (key: string) => lastSegment(key),
  uploadOf: (key: string) => lastSegment(key),
  /** The upload whose tail this is. */
  uploadOfTail: (key: string) => key.split('/')[1] ?? '',
  /** Whether this is the key of the manifest with this digest, in whatever repository. */
  isOfManifest: (key: string, digest: string) => key.endsWith(`/manifests/${path(digest)}`),
  /** Whether this is the key of the manifest with this digest among the referrers of some subject. */
  isOfReferrer: (key: string, digest: string) => key.endsWith(`/${dashed(digest)}`),
};

/** What a repository holds, by what its keys say of it. */
export type Section = 'blobs' | 'manifests' | 'referrers' | 'tags';

/** The first character after `/`: all keys that begin with a name and `/` come before the name with this behind it. */
const AFTER_SLASH = '0';

function segment(repository: string): string {
  return repository.replaceAll('/', '~');
}

function path(digest: string): string {
  return digest.replace(':', '/');
}

function dashed(digest: string): string {
  return digest.replace(':', '-');
}

function lastSegment(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
