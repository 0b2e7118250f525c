/** What a registry answers with when it does not know who asks (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const SCHEME = /^\s*,*\s*([A-Za-z][\w-]*)(?=\s|,|$)(?!\s*=)/;
const PARAMETER = /^\s*,?\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/;

/** Reads the challenges of a `WWW-Authenticate`; what is not understood ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let rest = header; rest.trim() !== '';) {
    const parameter = challenges.length === 0 ? null : PARAMETER.exec(rest);
    if (parameter !== null) {
      const [whole, name = '', quoted, plain] = parameter;
      const value = quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1');
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
      rest = rest.slice(whole.length);
      continue;
    }
    const scheme = SCHEME.exec(rest);
    if (scheme === null) break;
    const [whole, name = ''] = scheme;
    challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    rest = rest.slice(whole.length);
  }
  return challenges;
}
