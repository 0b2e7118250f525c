/** A registry as an address names it. */
export interface RegistryAddress {
  /** As it is written: `registry.example.com:5000`, `docker.io`. Credentials are kept under it. */
  readonly host: string;
  /** Where its API is, without a path. */
  readonly url: string;
}

/** What of a registry is meant: all of it, the repositories that fit a pattern, or some tags of theirs. */
export interface Place extends RegistryAddress {
  /** Name of a repository or a pattern of names; empty for all. */
  readonly repository: string;
  /** A tag or a pattern of tags; `undefined` for all. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/;
const DIGEST = /^[a-z0-9]+:[A-Za-z0-9=_-]+$/;

/**
 * Reads `HOST`, `HOST/REPO`, `HOST/REPO:TAG` or `HOST/REPO@DIGEST`, where `*` in REPO and TAG stands for any text. In front
 * may stand `http://` or `https://`; without, addresses of this machine are asked by HTTP, all others by HTTPS.
 * @throws Error that says how it is to be written.
 */
export function parsePlace(text: string): Place {
  const [, scheme, host = '', path = ''] = /^(?:(https?):\/\/)?([^/]+)\/?(.*)$/.exec(text) ?? [];
  if (!HOST.test(host) || /\s/.test(path) || path.startsWith('/')) throw unreadable(text);
  const at = path.indexOf('@');
  const digest = at === -1 ? undefined : path.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) throw unreadable(text);
  const named = at === -1 ? path : path.slice(0, at);
  const colon = named.indexOf(':');
  const repository = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag === '' || repository.endsWith('/')) throw unreadable(text);
  return { ...addressOf(host, scheme), repository: onHub(host, repository), tag, digest };
}

/** Whether it may stand for more than one name. */
export function isPattern(text: string): boolean {
  return text === '' || text.includes('*');
}

/** Whether the name fits. `*` stands for any text, slashes included. */
export function fits(pattern: string, name: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`, 's').test(name);
}

function addressOf(host: string, scheme: string | undefined): RegistryAddress {
  if (isHub(host)) return { host: 'docker.io', url: 'https://registry-1.docker.io' };
  const inferred = LOOPBACK.test(host) ? 'http' : 'https';
  return { host, url: `${scheme ?? inferred}://${host}` };
}

function isHub(host: string): boolean {
  return host === 'docker.io' || host === 'index.docker.io';
}

/** Official images have names of one component only in what people write. */
function onHub(host: string, repository: string): string {
  return isHub(host) && !isPattern(repository) && !repository.includes('/')
    ? `library/${repository}`
    : repository;
}

function unreadable(text: string): Error {
  return new Error(
    `'${text}' is to be HOST, HOST/REPO, HOST/REPO:TAG or HOST/REPO@DIGEST, with * for any text`,
  );
}
