import { RegistryError } from '@entrepot/plugin-sdk';
import { isDigest } from '../digest.ts';

/** The endpoints of the distribution-spec ("Endpoints"), and what the path of each says. */
interface PathParts {
  readonly base: object;
  readonly catalog: object;
  readonly tags: { readonly repository: string };
  readonly manifest: { readonly repository: string; readonly reference: string };
  readonly blob: { readonly repository: string; readonly digest: string };
  readonly uploads: { readonly repository: string };
  readonly upload: { readonly repository: string; readonly id: string };
  readonly referrers: { readonly repository: string; readonly digest: string };
}

export type Endpoint = keyof PathParts;

/** What a path names. */
export type Route<Name extends Endpoint = Endpoint> = {
  [Each in Name]: { readonly endpoint: Each } & PathParts[Each];
}[Name];

/** distribution-spec, "Pulling manifests": separators never touch, so the pattern cannot backtrack. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** Longer names do not fit one segment of a storage key, and clients refuse them. */
const NAME_LENGTH = 255;

/** Whether `text` may be the name of a repository. */
export function isRepositoryName(text: string): boolean {
  return text.length <= NAME_LENGTH && NAME.test(text);
}

/** Whether `text` may be a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * Finds the endpoint of a URL path. It is read from the right, because names of repositories contain slashes, and
 * `x/blobs` or `x/tags/list` are names like any other. Escapes are decoded once, names are checked after that.
 * @throws RegistryError `NAME_INVALID`, `DIGEST_INVALID`; `UNSUPPORTED` with 404 for a path that is no endpoint.
 */
export function matchRoute(path: string): Route {
  const decoded = path.includes('%') ? decode(path) : path;
  if (decoded === '/v2/' || decoded === '/v2') return { endpoint: 'base' };
  if (decoded === '/v2/_catalog' || decoded === '/v2/_catalog/') return { endpoint: 'catalog' };
  if (!decoded.startsWith('/v2/')) throw unknownPath();

  let end = decoded.length;
  while (decoded[end - 1] === '/') end -= 1;
  const lastSlash = decoded.lastIndexOf('/', end - 1);
  const kindSlash = decoded.lastIndexOf('/', lastSlash - 1);
  const last = decoded.slice(lastSlash + 1, end);
  const kind = decoded.slice(kindSlash + 1, lastSlash);
  if (end === decoded.length || kind === 'uploads' || (kind === 'blobs' && last === 'uploads')) {
    switch (kind) {
      case 'manifests':
        return { endpoint: 'manifest', repository: repositoryBefore(decoded, kindSlash), reference: last };
      case 'blobs':
        if (last === 'uploads')
          return { endpoint: 'uploads', repository: repositoryBefore(decoded, kindSlash) };
        return { endpoint: 'blob', repository: repositoryBefore(decoded, kindSlash), digest: digest(last) };
      case 'tags':
        if (last === 'list') return { endpoint: 'tags', repository: repositoryBefore(decoded, kindSlash) };
        break;
      case 'referrers':
        return {
          endpoint: 'referrers',
          repository: repositoryBefore(decoded, kindSlash),
          digest: digest(last),
        };
      case 'uploads': {
        const blobsSlash = decoded.lastIndexOf('/', kindSlash - 1);
        if (decoded.slice(blobsSlash + 1, kindSlash) !== 'blobs') break;
        return { endpoint: 'upload', repository: repositoryBefore(decoded, blobsSlash), id: last };
      }
    }
  }
  throw unknownPath();
}

function repositoryBefore(path: string, slash: number): string {
  const repository = path.slice('/v2/'.length, slash);
  if (isRepositoryName(repository)) return repository;
  throw new RegistryError(
    'NAME_INVALID',
    'invalid repository name: lower-case letters and digits, separated by one of . _ __ - and by /, at most 255 characters',
  );
}

function digest(text: string): string {
  if (isDigest(text)) return text;
  throw new RegistryError(
    'DIGEST_INVALID',
    'invalid digest: sha256:<64 hex digits> or sha512:<128 hex digits> is needed',
  );
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new RegistryError('NAME_INVALID', 'the path has a broken percent-encoding', { cause: error });
  }
}

function unknownPath(): RegistryError {
  return new RegistryError('UNSUPPORTED', 'no such endpoint', { status: 404 });
}
