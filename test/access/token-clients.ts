import { join } from 'node:path';
import { expect } from 'chai';
import { client, ClientFailure, type Client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests, writeImageLayout, type ImageLayout } from '../clients/image-layout.ts';

/** skopeo and podman with the logins of several users, at a registry where alice may push to `team/app` and bob may pull it. */
export class TokenClients {
  readonly #folder: string;
  readonly #host: string;
  readonly #passwordOf: (user: string) => string;
  readonly #layout: ImageLayout;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(
    { folder, host, passwordOf }: TokenClientsOptions,
    layout: ImageLayout,
    environment: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder;
    this.#host = host;
    this.#passwordOf = passwordOf;
    this.#layout = layout;
    this.#environment = environment;
  }

  static async open(options: TokenClientsOptions): Promise<TokenClients> {
    const { folder, host } = options;
    const layout = await writeImageLayout(join(folder, 'layout'), 'tokens');
    return new TokenClients(options, layout, await createContainerStorage(folder, host));
  }

  /** A client that is logged in as this user; without one it is nobody. */
  async as(user?: string, name: 'skopeo' | 'podman' = 'skopeo'): Promise<Client> {
    const run = this.#client(name, user ?? 'nobody');
    if (user !== undefined)
      await run('login', '--tls-verify=false', '-u', user, '-p', this.#passwordOf(user), this.#host);
    return run;
  }

  at(repository: string): string {
    return `docker://${this.#host}/${repository}:v1`;
  }

  async push(user: string, repository: string): Promise<void> {
    const skopeo = await this.as(user);
    await skopeo('copy', `oci:${this.#layout.folder}:image`, this.at(repository));
  }

  /** alice pushes with skopeo, bob pulls, and all bytes are the same. */
  async sharesAnImage(): Promise<void> {
    await this.push('alice', 'team/app');
    const pulled = join(this.#folder, 'pulled');
    const bob = await this.as('bob');
    await bob('copy', this.at('team/app'), `oci:${pulled}:image`);
    expect(await reachableDigests(pulled, this.#layout.image)).to.deep.equal(
      await reachableDigests(this.#layout.folder, this.#layout.image),
    );
  }

  /** A stranger sees `public/app`, which alice has pushed, and not `team/app`. */
  async showsStrangersWhatIsPublic(): Promise<void> {
    await this.push('alice', 'public/app');
    const nobody = await this.as();
    await nobody('inspect', this.at('public/app'));
    await expectDenied(nobody('inspect', this.at('team/app')));
  }

  async refusesAWrongPassword(): Promise<void> {
    const skopeo = this.#client('skopeo', 'wrong');
    const login = skopeo('login', '--tls-verify=false', '-u', 'alice', '-p', 'wrong', this.#host);
    expect(await refusalOf(login)).to.match(/invalid username\/password|unauthorized/i);
  }

  /** alice pulls and pushes with podman, bob cannot push. */
  async servesPodman(): Promise<void> {
    const podman = await this.as('alice', 'podman');
    const image = `${this.#host}/team/app:v1`;
    await podman('pull', '--tls-verify=false', image);
    await podman('push', '--tls-verify=false', image, `${this.#host}/team/app:podman`);
    const bob = await this.as('bob', 'podman');
    await expectDenied(bob('push', '--tls-verify=false', image, `${this.#host}/team/app:bob`));
  }

  #client(name: 'skopeo' | 'podman', login: string): Client {
    const authFile = join(this.#folder, `${login}.json`);
    return client(name, this.#folder, { ...this.#environment, REGISTRY_AUTH_FILE: authFile });
  }
}

export interface TokenClientsOptions {
  readonly folder: string;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly passwordOf: (user: string) => string;
}

/** What a client prints that is turned away. @throws Error when it is not. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ClientFailure) return error.output;
    throw error;
  }
  throw new Error('it was let in');
}

export async function expectDenied(work: Promise<unknown>): Promise<void> {
  expect(await refusalOf(work)).to.match(/unauthorized|denied/i);
}
