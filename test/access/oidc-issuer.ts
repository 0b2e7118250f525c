import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { exportJWK, SignJWT, type JWTPayload } from 'jose';

/** What stands in a token besides what every one has, and how it is signed. */
export interface Signature {
  readonly key?: KeyObject | Uint8Array;
  readonly header?: object;
}

/** An OpenID Connect issuer as CI systems and clusters run one: its discovery, its keys, and tokens for jobs. */
export class OidcIssuer {
  /** `iss` of its tokens. */
  readonly url: string;
  /** The paths that it was asked for. */
  readonly asked: string[] = [];
  /** It answers 500 as long as this is so. */
  isDown = false;
  /** What its discovery says otherwise than it should. */
  discovery: Readonly<Record<string, unknown>> = {};
  readonly close: () => Promise<void>;
  #pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  #kid = 1;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.close = close;
  }

  static async start(): Promise<OidcIssuer> {
    const server = createServer((request, response) => {
      void issuer.#answer(request.url ?? '').then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the issuer has no port');
    const issuer = new OidcIssuer(`http://127.0.0.1:${address.port}`, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return issuer;
  }

  get kid(): string {
    return `key-${this.#kid}`;
  }

  get publicKey(): KeyObject {
    return this.#pair.publicKey;
  }

  /** Signs with another key from now on, and publishes it alone. */
  rotate(): void {
    this.#pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#kid += 1;
  }

  /** A token that is good for five minutes at a registry called `registry.example.com`, unless `claims` say otherwise. */
  sign(claims: JWTPayload, { key = this.#pair.privateKey, header = {} }: Signature = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: this.url, aud: 'registry.example.com', iat: now, nbf: now - 5, exp: now + 300 };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: this.kid, ...header })
      .sign(key, { crit: { x: true } });
  }

  async #answer(path: string): Promise<[status: number, body: object]> {
    this.asked.push(path);
    if (this.isDown) return [500, {}];
    if (path === '/.well-known/openid-configuration')
      return [200, { issuer: this.url, jwks_uri: `${this.url}/keys`, ...this.discovery }];
    const jwk = { ...(await exportJWK(this.#pair.publicKey)), kid: this.kid, use: 'sig', alg: 'RS256' };
    return path === '/keys' ? [200, { keys: [jwk] }] : [404, {}];
  }
}

/** The claims of a job of GitHub Actions. */
export function githubJob(repository: string, ref: string): JWTPayload {
  const [owner] = repository.split('/');
  return {
    sub: `repo:${repository}:ref:${ref}`,
    repository,
    repository_owner: owner,
    ref,
    ref_type: 'branch',
    event_name: 'push',
    workflow: 'release',
    runner_environment: 'github-hosted',
  };
}

/** The claims of a job of GitLab CI. */
export function gitlabJob(project: string, ref: string): JWTPayload {
  return {
    sub: `project_path:${project}:ref_type:branch:ref:${ref}`,
    project_path: project,
    namespace_path: project.split('/')[0],
    ref,
    ref_protected: 'true',
    user_access_level: 'developer',
  };
}

/** The claims of a service account of Kubernetes, projected into a pod. */
export function serviceAccount(namespace: string, name: string): JWTPayload {
  return {
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud: ['registry.example.com'],
    'kubernetes.io': { namespace, pod: { name: 'builder-0' }, serviceaccount: { name } },
  };
}
