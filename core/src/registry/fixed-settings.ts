import type { ResolvedConfig } from '../config/define-config.ts';

/** What a running registry can change of `http`: all else belongs to the server that listens. */
const changing: readonly string[] = ['stopDelay', 'drainTimeout', 'trustedProxies', 'forwardedHeader'];

/** Settings that differ and that a running registry cannot change, by their paths: `http.port`. */
export function fixedSettings(before: ResolvedConfig, after: ResolvedConfig): string[] {
  return [
    ...differing('http', before.http, after.http).filter(
      (path) => !changing.includes(path.slice('http.'.length)),
    ),
    ...differing('diagnostics', before.diagnostics, after.diagnostics).filter(
      (path) => !path.endsWith('.debug'),
    ),
    ...differing('log', before.log, after.log).filter((path) => path === 'log.format'),
  ];
}

function differing(group: string, before: object, after: object): string[] {
  const [old, now] = [
    new Map<string, unknown>(Object.entries(before)),
    new Map<string, unknown>(Object.entries(after)),
  ];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((name) => JSON.stringify(old.get(name)) !== JSON.stringify(now.get(name)))
    .map((name) => `${group}.${name}`);
}
