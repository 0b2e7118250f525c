// Writes docs/configuration.md anew: npx node --conditions=@entrepot/source docs/generate-configuration.ts
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configSchema } from '../core/src/config/schema.ts';
import { searchPlaces } from '../core/src/config/search-places.ts';
import { publishedPackages, readSource, root } from '../test/house/workspace.ts';

type Members = Readonly<Record<string, unknown>>;

/** The file, relative to the root. */
export const configurationFile = 'docs/configuration.md';

/** The text of the page: what the schemas of core and of each plugin of the workspace say. */
export async function configurationPage(): Promise<string> {
  const groups = Object.entries(propertiesOf(configSchema));
  const sections = groups.map(([name, schema]) => section(name, schema));
  return [introduction, ...sections, pluginsIntroduction, ...(await pluginSections())].join('\n');
}

const introduction = `# Configuration

<!-- Written by docs/generate-configuration.ts from the schemas; a test compares the two. Change those, not this page. -->

The configuration is a JavaScript or TypeScript module, or JSON or YAML. \`registry start\` and \`registry check\` look for it
in the current folder and nowhere else, under these names, and take the first that is there:
${searchPlaces.map((place) => `\`${place}\``).join(', ')}.
\`--config <file>\` names another.

${included('docs/examples/registry.config.js', 'js')}
A module exports the configuration, or a function that returns it and may be async. Settings come from the flags \`--host\`,
\`--port\` and \`--log-level\` first, then from the file, then from the defaults below. There are no environment variables: a
module can read \`process.env\` itself. \`defineConfig\` gives the editor the types, and returns what it is given.

\`npx registry check\` reads the file and sets the plugins up, as a start would, but starts nothing. It tells every mistake in
the settings and in the options of plugins at once, each with its path and what is allowed there; \`npx registry start\`
refuses for the same reasons.

Sizes are in bytes, times in seconds.
`;

const pluginsIntroduction = `## Plugins of this repository

Options are given where the plugin is called, \`storageFilesystem({ … })\`, or under \`options\` where it is named.
`;

function section(name: string, schema: unknown): string {
  const heading = `## \`${name}\`\n\n${textOf(schema, 'description')}\n`;
  if (Object.keys(propertiesOf(schema)).length > 0) return `${heading}\n${table(schema, `${name}.`)}`;
  return `${heading}\n${included('docs/examples/registry.config.yaml', 'yaml')}`;
}

async function pluginSections(): Promise<string[]> {
  const sections: string[] = [];
  for (const { name, folder, entries } of publishedPackages()) {
    const entry = entries.get(name);
    if (!folder.startsWith('plugins/') || entry === undefined || !existsSync(join(root, entry))) continue;
    const module: unknown = await import(pathToFileURL(join(root, entry)).href);
    const { default: factory } = recordOf(module);
    if (typeof factory !== 'function' || !('schema' in factory))
      throw new Error(`${entry} exports no plugin`);
    sections.push(`### \`${name}\`\n\n${table(factory.schema, '')}`);
  }
  return sections;
}

function table(schema: unknown, prefix: string): string {
  const rows = rowsOf(schema, prefix);
  const heading = ['| Setting | Type | Default | Meaning |', '| --- | --- | --- | --- |'];
  return [...heading, ...(rows.length === 0 ? ['| none | | | |'] : rows), ''].join('\n');
}

/** A row for each property, and for those of the objects among them. */
function rowsOf(schema: unknown, prefix: string): string[] {
  const { required } = recordOf(schema);
  return Object.entries(propertiesOf(schema)).flatMap(([name, property]) => {
    const isRequired = Array.isArray(required) && required.includes(name);
    const cells = [
      `\`${prefix}${name}\``,
      typeOf(property),
      presetOf(name, property, isRequired),
      textOf(property, 'description'),
    ];
    const row = `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    const { items } = recordOf(property);
    return [row, ...rowsOf(property, `${prefix}${name}.`), ...rowsOf(items, `${prefix}${name}[].`)];
  });
}

/** @throws Error for what this page has no words for yet. */
function typeOf(schema: unknown): string {
  const { type, enum: values, items } = recordOf(schema);
  if (Array.isArray(type))
    return type.map((each: unknown) => typeOf({ ...recordOf(schema), type: each })).join(', or ');
  if (Array.isArray(values)) return `one of ${values.map((value) => `\`${String(value)}\``).join(', ')}`;
  switch (type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
      return `whole number${limitsOf(schema)}`;
    case 'number':
      return `number${limitsOf(schema)}`;
    case 'array':
      return `list, each: ${typeOf(items)}`;
    case 'object':
      return 'object';
    case undefined:
      return 'function'; // JSON schema has no word for it, so that the type is left out.
    default:
      throw new Error(`no words for the type ${String(type)}`);
  }
}

function limitsOf(schema: unknown): string {
  const { minimum, exclusiveMinimum, maximum } = recordOf(schema);
  const limits = [
    ...(typeof minimum === 'number' ? [`at least ${minimum}`] : []),
    ...(typeof exclusiveMinimum === 'number' ? [`above ${exclusiveMinimum}`] : []),
    ...(typeof maximum === 'number' ? [`at most ${maximum}`] : []),
  ];
  return limits.length === 0 ? '' : `, ${limits.join(', ')}`;
}

function presetOf(name: string, schema: unknown, isRequired: boolean): string {
  const { default: preset } = recordOf(schema);
  if (preset === undefined) return isRequired ? 'required' : '–';
  const inUnits = /bytes$/i.test(name) && typeof preset === 'number' ? bytesInUnits(preset) : '';
  return `\`${JSON.stringify(preset)}\`${inUnits}`;
}

function bytesInUnits(bytes: number): string {
  const units = [
    { unit: 'GiB', size: 1024 ** 3 },
    { unit: 'MiB', size: 1024 ** 2 },
    { unit: 'KiB', size: 1024 },
  ];
  const fitting = units.find(({ size }) => bytes >= size && bytes % size === 0);
  return fitting === undefined ? '' : ` (${bytes / fitting.size} ${fitting.unit})`;
}

function included(file: string, language: string): string {
  return `<!-- file: ${file} -->\n\`\`\`${language}\n${readSource(file)}\`\`\`\n`;
}

function propertiesOf(schema: unknown): Members {
  return recordOf(recordOf(schema)['properties']);
}

/** @throws Error when it is missing: a setting without a description is not documented. */
function textOf(schema: unknown, member: string): string {
  const text = recordOf(schema)[member];
  if (typeof text === 'string') return text;
  throw new Error(`a schema has no ${member}: ${JSON.stringify(schema)}`);
}

function recordOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

if (import.meta.main) writeFileSync(join(root, configurationFile), await configurationPage());
