import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * What a crash may leave. Nothing refers to the first five. The last two belong to a manifest whose push died right after
 * writing it, before it was answered: pushing it again, or `verify --repair`, adds them.
 */
const HARMLESS = new Set([
  'dangling-link',
  'orphaned-data',
  'orphaned-tail',
  'stale-upload',
  'empty-repository',
  'missing-referrers-entry',
  'missing-catalog-entry',
]);

/** What `registry verify --deep` finds that is more than that: lines of its JSON. */
export async function verify(config: string): Promise<string[]> {
  const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
  const output = await new Promise<string>((resolve, reject) => {
    const args = [executable, 'verify', '--deep', '--json', '--config', config];
    execFile(process.execPath, args, { maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
      // 1 says that there are findings: which ones is what matters.
      if (error !== null && error.code !== 1) reject(new Error(`verify failed: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
  return output.split('\n').filter((line) => {
    const json: unknown = line === '' ? undefined : JSON.parse(line);
    return typeof json === 'object' && json !== null && 'kind' in json && !HARMLESS.has(String(json.kind));
  });
}
