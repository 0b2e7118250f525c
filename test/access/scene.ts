import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client, type Client } from '../clients/client.ts';
import { createContainerStorage } from '../clients/container-storage.ts';
import { reachableDigests, type ImageLayout, writeImageLayout } from '../clients/image-layout.ts';
import { startRecipe, type Recipe, type Surroundings, type Users } from './recipe.ts';

/** A recipe, and clients that have not logged in anywhere. */
export class Scene {
  readonly recipe: Recipe;
  readonly layout: ImageLayout;
  readonly skopeo: Client;
  readonly podman: Client;
  #pulls = 0;

  private constructor(recipe: Recipe, layout: ImageLayout, skopeo: Client, podman: Client) {
    this.recipe = recipe;
    this.layout = layout;
    this.skopeo = skopeo;
    this.podman = podman;
  }

  static async open(name: string, users: Users = {}, surroundings: Surroundings = {}): Promise<Scene> {
    const recipe = await startRecipe(name, users, {}, surroundings);
    const environment = {
      ...(await createContainerStorage(recipe.folder, recipe.host)),
      REGISTRY_AUTH_FILE: join(recipe.folder, 'auth.json'),
    };
    await writeFile(environment.REGISTRY_AUTH_FILE, '{}');
    const layout = await writeImageLayout(join(recipe.folder, 'layout'), name);
    const [skopeo, podman] = (['skopeo', 'podman'] as const).map((each) =>
      client(each, recipe.folder, environment),
    );
    if (skopeo === undefined || podman === undefined) throw new Error('there are two clients');
    return new Scene(recipe, layout, skopeo, podman);
  }

  login(user: string, password: string): Promise<string> {
    return this.podman('login', '--username', user, '--password', password, this.recipe.host);
  }

  logout(): Promise<string> {
    return this.podman('logout', '--all');
  }

  push(repository: string, ...flags: readonly string[]): Promise<string> {
    const target = `docker://${this.recipe.host}/${repository}:1`;
    return this.skopeo('copy', ...flags, `oci:${this.layout.folder}:image`, target);
  }

  /** Pulls with both, and compares every byte. */
  async pull(repository: string): Promise<void> {
    this.#pulls += 1;
    const folder = join(this.recipe.folder, `pulled-${this.#pulls}`);
    await this.skopeo('copy', `docker://${this.recipe.host}/${repository}:1`, `oci:${folder}:image`);
    expect(await reachableDigests(folder, this.layout.image)).to.deep.equal(
      await reachableDigests(this.layout.folder, this.layout.image),
    );
    await this.podman('pull', `${this.recipe.host}/${repository}:1`);
    await this.podman('rmi', '--all', '--force');
  }
}
