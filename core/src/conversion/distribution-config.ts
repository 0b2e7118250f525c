import { accessCalls } from './access-calls.ts';
import { eventCalls } from './event-calls.ts';
import { remarkOn } from './no-equivalent.ts';
import { OldOptions } from './old-options.ts';
import { serverSettings } from './server-settings.ts';
import { literal, nameOf, type PluginCall } from './source-text.ts';
import { storageCall } from './storage-call.ts';

/** A configuration of ours, made of one of a CNCF distribution registry. */
export interface ConvertedConfig {
  /** A JavaScript module. */
  readonly text: string;
  /** Packages that it imports. */
  readonly packages: readonly string[];
  /** Lines about options that have no equivalent; they are in the text as comments, too. */
  readonly remarks: readonly string[];
}

/**
 * Turns the YAML of a CNCF distribution registry (2.x, 3.x, Harbor's and GitLab's) into our configuration. Nothing is passed
 * over in silence: each option that has no equivalent becomes a comment. Environment variables are not looked at.
 * @throws Error when the text is no such configuration, or its storage has no equivalent.
 */
export function convertDistributionConfig(yaml: string): ConvertedConfig {
  const old = OldOptions.parse(yaml);
  const settings = serverSettings(old);
  const plugins = [storageCall(old), ...accessCalls(old), ...eventCalls(old)];
  const remarks = old.left().map(remarkOn);
  const packages = plugins.map(({ plugin }) => `@entrepot/${plugin}`);
  const calls = plugins.map((call) => `    ${callOf(call)},`).join('\n');
  const text = [
    ...(calls.includes('readFileSync(') ? ["import { readFileSync } from 'node:fs';"] : []),
    "import { defineConfig } from '@entrepot/core';",
    ...plugins.map(({ plugin }) => `import ${nameOf(plugin)} from '@entrepot/${plugin}';`),
    '',
    ...(remarks.length === 0 ? [] : ['// These options of the other registry have no equivalent here.']),
    ...remarks.map((remark) => `// - ${remark.replaceAll(/\s+/g, ' ')}`),
    ...(remarks.length === 0 ? [] : ['']),
    'export default defineConfig({',
    ...Object.entries(settings).map(([group, members]) => `  ${group}: ${literal(members, '  ')},`),
    '  plugins: [',
    calls,
    '  ],',
    '});',
    '',
  ].join('\n');
  return { text, packages, remarks };
}

function callOf({ plugin, options }: PluginCall): string {
  const members = literal(options, '    ');
  return `${nameOf(plugin)}(${members === '{}' ? '' : members})`;
}
