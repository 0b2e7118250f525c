import { isDigest, splitDigest } from '../../digest.ts';

const ROOT = 'docker/registry/v2/';
const BLOBS = `${ROOT}blobs/`;
const REPOSITORIES = `${ROOT}repositories/`;
/** Comes after `_layers`, `_manifests`, `_uploads` and whatever begins with `_`, and before all names of repositories. */
const AFTER_OWN = '_~';

/**
 * The keys of a CNCF distribution registry (and of Harbor's and GitLab's, which are the same program), beside which ours
 * live: under the same root directory, or the same prefix of a bucket. Only this file knows them.
 *
 *     docker/registry/v2/blobs/<alg>/<hh>/<hex>/data                                   bytes of a blob, or of a manifest
 *     docker/registry/v2/repositories/<name>/_layers/<alg>/<hex>/link                  the repository may read the blob
 *     docker/registry/v2/repositories/<name>/_manifests/revisions/<alg>/<hex>/link     the repository has the manifest
 *     docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/current/link        what the tag points at
 *     docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/index/<alg>/<hex>/link    all it has pointed at
 *     docker/registry/v2/repositories/<name>/_uploads/…                                unfinished uploads
 *
 * A link is a file that holds a digest and nothing else. `<name>` has its slashes.
 */
export const layout = {
  repositories: REPOSITORIES,
  blobs: BLOBS,

  bytes: (digest: string) => {
    const { algorithm, hex } = splitDigest(digest);
    return `${BLOBS}${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
  },
  layer: (repository: string, digest: string) => `${REPOSITORIES}${repository}/_layers/${path(digest)}/link`,
  revision: (repository: string, digest: string) =>
    `${REPOSITORIES}${repository}/_manifests/revisions/${path(digest)}/link`,
  revisions: (repository: string) => `${REPOSITORIES}${repository}/_manifests/revisions/`,
  tag: (repository: string, tag: string) =>
    `${REPOSITORIES}${repository}/_manifests/tags/${tag}/current/link`,
  tagged: (repository: string, tag: string, digest: string) =>
    `${REPOSITORIES}${repository}/_manifests/tags/${tag}/index/${path(digest)}/link`,
  tags: (repository: string) => `${REPOSITORIES}${repository}/_manifests/tags/`,

  /** Whether that registry can keep content under the digest. */
  canHold: (digest: string) => isDigest(digest) && splitDigest(digest).algorithm === 'sha256',
  /** Whether the bytes under this key are those of the other registry. */
  isForeign: (key: string) => key.startsWith(ROOT),
  /** The repository that the key is in; `undefined` for a key that is in none. */
  repositoryOf: (key: string) => {
    const end = key.indexOf('/_', REPOSITORIES.length - 1);
    return end < REPOSITORIES.length ? undefined : key.slice(REPOSITORIES.length, end);
  },
  /** Where all keys end that are the repository's own. Repositories whose names continue its name follow. */
  afterOwn: (repository: string) => `${REPOSITORIES}${repository}/${AFTER_OWN}`,
};

function path(digest: string): string {
  return digest.replace(':', '/');
}
