import { digestOf, isDigest, splitDigest } from '../digest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import { RegistryAccess } from './access.ts';
import type { Credentials } from './credentials.ts';
import { bodyOf, drop, send, type Answer, type Outgoing } from './exchange.ts';
import { patiently, RequestFailure } from './patience.ts';
import type { RegistryAddress } from './place.ts';

/** A manifest as a registry has given it, with the digest it has been verified to have. */
export interface FetchedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

type Question = Omit<Outgoing, 'url'> & { readonly path: string | URL; readonly scopes: readonly string[] };

const ACCEPTED = [...new Set(Object.values(mediaTypes))].filter((type) => type !== mediaTypes.octetStream);
const NAMES_AT_ONCE = 1000;
const REDIRECTS = 5;

/** Asks a registry what the distribution-spec lets a client ask. */
export class RegistryClient {
  readonly host: string;
  readonly #url: string;
  readonly #access: RegistryAccess;

  constructor({ host, url }: RegistryAddress, credentials: Credentials | undefined) {
    this.host = host;
    this.#url = url;
    this.#access = new RegistryAccess(credentials, url.startsWith('https:'));
  }

  /** Names of all repositories. */
  repositories(): AsyncGenerator<string> {
    return this.#names(`/v2/_catalog?n=${NAMES_AT_ONCE}`, 'repositories', ['registry:catalog:*']);
  }

  /** All tags of a repository. */
  tags(repository: string): AsyncGenerator<string> {
    return this.#names(`/v2/${repository}/tags/list?n=${NAMES_AT_ONCE}`, 'tags', pull(repository));
  }

  /** The manifest, verified; `undefined` when there is none. @throws Error when its bytes are not those of its digest. */
  manifest(repository: string, reference: string): Promise<FetchedManifest | undefined> {
    return patiently(async () => {
      const answer = await this.#ask({
        method: 'GET',
        path: `/v2/${repository}/manifests/${reference}`,
        headers: { accept: `${ACCEPTED.join(', ')}, */*` },
        scopes: pull(repository),
      });
      if (answer.statusCode === 404) return undefinedOf(answer);
      await expect(answer, 200);
      const bytes = await bodyOf(answer);
      const said = isDigest(reference) ? reference : headerOf(answer, 'docker-content-digest');
      const isUsable = said !== undefined && isDigest(said);
      const digest = digestOf(bytes, isUsable ? splitDigest(said).algorithm : 'sha256');
      if (isUsable && said !== digest)
        throw new Error(`${this.host} gave a manifest for ${said} that has the digest ${digest}`);
      const mediaType = headerOf(answer, 'content-type')?.split(';', 1)[0]?.trim() ?? '';
      return { digest, mediaType, bytes };
    });
  }

  /** The digest of a manifest that is there; `undefined` when there is none. */
  async find(repository: string, reference: string, scopes = pull(repository)): Promise<string | undefined> {
    const said = await patiently(async () => {
      const answer = await this.#ask({
        method: 'HEAD',
        path: `/v2/${repository}/manifests/${reference}`,
        headers: { accept: `${ACCEPTED.join(', ')}, */*` },
        scopes,
      });
      if (answer.statusCode === 404) return undefinedOf(answer);
      await expect(answer, 200);
      drop(answer);
      return headerOf(answer, 'docker-content-digest') ?? '';
    });
    return said === '' ? (await this.manifest(repository, reference))?.digest : said;
  }

  /** `access`: what will be done with it, so that one token will do. */
  async hasBlob(repository: string, digest: string, access: 'pull' | 'push'): Promise<boolean> {
    return patiently(async () => {
      const path = `/v2/${repository}/blobs/${digest}`;
      const scopes = access === 'push' ? push(repository) : pull(repository);
      const answer = await this.#ask({ method: 'HEAD', path, scopes });
      drop(answer);
      if (answer.statusCode === 404) return false;
      if (isRedirect(answer)) return true;
      await expect(answer, 200);
      return true;
    });
  }

  /** The bytes of a blob, from wherever the registry sends us. Asked once. */
  async openBlob(repository: string, digest: string): Promise<Answer> {
    const path = `/v2/${repository}/blobs/${digest}`;
    let answer = await this.#ask({ method: 'GET', path, scopes: pull(repository) });
    for (let left = REDIRECTS; isRedirect(answer) && left > 0; left -= 1) {
      drop(answer);
      // A bucket has its own way to know who asks: credentials of the registry are not for it.
      const url = new URL(headerOf(answer, 'location') ?? '', this.#url);
      answer = await send({ method: 'GET', url });
    }
    await expect(answer, 200);
    return answer;
  }

  /** Takes the blob from another repository of the registry, if that works; else gives where to send it. Asked once. */
  async beginBlob(repository: string, digest: string, from: string | undefined): Promise<URL | 'mounted'> {
    const query = from === undefined ? '' : `?${new URLSearchParams({ mount: digest, from }).toString()}`;
    const scopes = [...push(repository), ...(from === undefined ? [] : pull(from))];
    const answer = await this.#ask({
      method: 'POST',
      path: `/v2/${repository}/blobs/uploads/${query}`,
      scopes,
    });
    await expect(answer, 201, 202);
    drop(answer);
    if (answer.statusCode === 201) return 'mounted';
    const location = headerOf(answer, 'location');
    if (location === undefined) throw new Error(`${this.host} does not say where to upload to`);
    return new URL(location, this.#url);
  }

  /** Sends a blob to where {@link beginBlob} has said. Asked once. */
  async sendBlob(
    repository: string,
    digest: string,
    location: URL,
    body: NonNullable<Outgoing['body']>,
  ): Promise<void> {
    const path = new URL(location);
    path.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await this.#ask({ method: 'PUT', path, headers, body, scopes: push(repository) });
    await expect(answer, 201, 204);
    drop(answer);
  }

  /** Whether the registry has said that it keeps a list of referrers, for a manifest with a subject. */
  putManifest(repository: string, reference: string, manifest: FetchedManifest): Promise<boolean> {
    return patiently(async () => {
      const answer = await this.#ask({
        method: 'PUT',
        path: `/v2/${repository}/manifests/${reference}`,
        headers: { 'content-type': manifest.mediaType },
        body: manifest.bytes,
        scopes: push(repository),
      });
      await expect(answer, 201);
      drop(answer);
      return headerOf(answer, 'oci-subject') !== undefined;
    });
  }

  /** What the registry lists as referrers; `undefined` when it keeps no such list. */
  referrers(repository: string, digest: string): Promise<Buffer | undefined> {
    return patiently(async () => {
      const path = `/v2/${repository}/referrers/${digest}`;
      const answer = await this.#ask({ method: 'GET', path, scopes: pull(repository) });
      if (answer.statusCode === 404 || answer.statusCode === 405) return undefinedOf(answer);
      await expect(answer, 200);
      return bodyOf(answer);
    });
  }

  async *#names(first: string, member: string, scopes: readonly string[]): AsyncGenerator<string> {
    for (let path: string | URL | undefined = first; path !== undefined;) {
      const asked: string | URL = path;
      const answer = await patiently(async () => {
        const given = await this.#ask({ method: 'GET', path: asked, scopes });
        await expect(given, 200);
        return { link: headerOf(given, 'link'), said: await bodyOf(given) };
      });
      yield* namesIn(answer.said, member);
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.link ?? '')?.[1];
      path = next === undefined ? undefined : new URL(next, this.#url);
    }
  }

  /** Asks, and once more when that needs credentials. What follows a redirect or a link stays on the registry. */
  async #ask({ path, scopes, ...question }: Question): Promise<Answer> {
    const url = new URL(path, this.#url);
    const isOurs = url.origin === new URL(this.#url).origin;
    const headersOf = async (): Promise<Outgoing['headers']> => ({
      ...question.headers,
      ...(isOurs ? await this.#access.headers(scopes) : {}),
    });
    const { body } = question;
    const answer = await send({ ...question, url, headers: (await headersOf()) ?? {} });
    if (answer.statusCode !== 401 || !isOurs || !this.#access.learn(answer, scopes)) return answer;
    // A stream is gone with the first attempt; it is begun anew by who has begun it.
    drop(answer);
    if (body !== undefined && 'stream' in body) throw new RequestFailure('a token has run out', 408);
    return send({ ...question, url, headers: (await headersOf()) ?? {} });
  }
}

function pull(repository: string): readonly string[] {
  return [`repository:${repository}:pull`];
}

function push(repository: string): readonly string[] {
  return [`repository:${repository}:pull,push`];
}

function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function isRedirect({ statusCode }: Answer): boolean {
  return statusCode !== undefined && [301, 302, 303, 307, 308].includes(statusCode);
}

function undefinedOf(answer: Answer): undefined {
  drop(answer);
}

/** @throws RequestFailure with what the registry has said, when it is another status. */
async function expect(answer: Answer, ...statuses: readonly number[]): Promise<void> {
  const { statusCode = 0 } = answer;
  if (statuses.includes(statusCode)) return;
  const said = reasonIn(await bodyOf(answer));
  const seconds = Number(headerOf(answer, 'retry-after'));
  const message = `the registry answered ${statusCode}${said === undefined ? '' : `, ${said}`}`;
  throw new RequestFailure(message, statusCode, Number.isFinite(seconds) ? seconds * 1000 : undefined);
}

/** `DENIED: requested access is denied` of an error as the distribution-spec has it; others say nothing we could tell. */
function reasonIn(body: Buffer): string | undefined {
  const { errors } = jsonIn(body) ?? {};
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const { code, message }: Partial<Record<string, unknown>> = { ...first };
  return [code, message].filter((each) => typeof each === 'string').join(': ') || undefined;
}

/** @throws Error when it is no list: no names are something else than names that are not understood. */
function namesIn(body: Buffer, member: string): readonly string[] {
  const names = jsonIn(body)?.[member];
  if (names === null) return [];
  if (!Array.isArray(names))
    throw new Error(`the registry answered with something else than a list of ${member}`);
  return names.filter((name) => typeof name === 'string');
}

function jsonIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const said: unknown = JSON.parse(body.toString('utf8'));
    return typeof said === 'object' && said !== null ? { ...said } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
