import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { member } from './member.ts';

const execute = promisify(execFile);

/** The sources of Kubernetes, which carry the OpenAPI documents of its API. */
const release = 'k8s.io/kubernetes@v1.34.2';

/**
 * Writes a JSON Schema for each kind of Kubernetes into `folder`, as kubeconform looks for them:
 * `<kind>-<group>-<version>.json`, in small letters, with the first label of the group. They are strict: members that
 * the API does not know are mistakes.
 */
export async function writeKubernetesSchemas(folder: string): Promise<void> {
  const { stdout } = await execute('go', ['mod', 'download', '-json', release], { maxBuffer: 2 ** 26 });
  const documents = join(String(member(JSON.parse(stdout), 'Dir')), 'api', 'openapi-spec', 'v3');
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(documents)) {
    if (!/^apis?__.*_openapi\.json$/.test(name)) continue;
    const document: unknown = JSON.parse(await readFile(join(documents, name), 'utf8'), strict);
    const components = member(document, 'components');
    const schemas = member(components, 'schemas');
    if (typeof schemas !== 'object' || schemas === null) continue;
    for (const [type, schema] of Object.entries(schemas)) {
      for (const { group, kind, version } of kindsOf(schema)) {
        const file = [kind, ...group.split('.', 1).filter(Boolean), version].join('-').toLowerCase();
        const root = { $ref: `#/components/schemas/${type}`, components };
        await writeFile(join(folder, `${file}.json`), JSON.stringify(root));
      }
    }
  }
}

interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

/** The kinds that a schema says it is the one of; none for those that are parts of others. */
function kindsOf(schema: unknown): Kind[] {
  const kinds = member(schema, 'x-kubernetes-group-version-kind');
  if (!Array.isArray(kinds)) return [];
  return kinds.map((entry: unknown) => ({
    group: String(member(entry, 'group')),
    kind: String(member(entry, 'kind')),
    version: String(member(entry, 'version')),
  }));
}

/** An object with named members has no others. */
function strict(key: string, value: unknown): unknown {
  const isSchema = typeof value === 'object' && value !== null && 'properties' in value;
  const isNamed = isSchema && key !== 'properties' && 'type' in value && value.type === 'object';
  return isNamed && !('additionalProperties' in value) ? { ...value, additionalProperties: false } : value;
}
