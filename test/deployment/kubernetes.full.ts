import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { root } from '../house/workspace.ts';
import { goProgram } from '../servers/program.ts';
import { writeKubernetesSchemas } from './kubernetes-schemas.ts';
import { member } from './member.ts';

const execute = promisify(execFile);
const example = join(root, 'examples', 'kubernetes');

describe('the manifests for Kubernetes', () => {
  const manifests = globSync('*.yaml', { cwd: example, exclude: ['kustomization.yaml'] }).sort();
  let folder: string;
  let kubeconform: string;

  before(async () => {
    kubeconform = await goProgram('kubeconform', 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0');
    folder = await mkdtemp(join(tmpdir(), 'entrepot-kubernetes-'));
    await writeKubernetesSchemas(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function validated(...files: readonly string[]): Promise<unknown> {
    const location = join(folder, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
    const args = ['-strict', '-summary', '-output', 'json', '-schema-location', location, ...files];
    // With exit code 1 when one of them is wrong.
    const { stdout } = await execute(kubeconform, args).catch((error: unknown) => ({
      stdout: String(member(error, 'stdout')),
    }));
    return member(JSON.parse(stdout), 'summary');
  }

  it('are valid by the schemas of the API, without a member it does not know', async () => {
    expect(await validated(...manifests.map((file) => join(example, file)))).to.deep.equal({
      valid: manifests.length,
      invalid: 0,
      errors: 0,
      skipped: 0,
    });
  });

  it('would be found out otherwise', async () => {
    const deployment = await readFile(join(example, 'deployment.yaml'), 'utf8');
    const mistakes = [
      ['replicas: 3', 'replicas: three'],
      ['maxSurge: 1', 'maxSurges: 1'],
    ] as const;
    for (const [right, wrong] of mistakes) {
      const file = join(folder, 'deployment.yaml');
      await writeFile(file, deployment.replace(right, wrong));
      expect(await validated(file), wrong).to.have.property('invalid', 1);
    }
  });

  it('are all named by the kustomization', async () => {
    const kustomization = await readFile(join(example, 'kustomization.yaml'), 'utf8');
    const named = [...kustomization.matchAll(/^ {2}- (\S+\.yaml)$/gm)].map(([, file = '']) => basename(file));
    expect(named).to.have.members(manifests);
  });
});
