/** What the OCI conformance tool found. */
export interface Verdict {
  /** How many checks there were and how many did not pass, groups of checks counted as well: the tool's own sums. */
  readonly counts: Readonly<Record<'tests' | 'failed' | 'errors' | 'skipped', number>>;
  /** Every API and kind of data that is not `Pass`: `Blob mount: FAIL`. */
  readonly shortcomings: readonly string[];
  /** Status and name of each single check that did not pass. */
  readonly unpassed: readonly string[];
}

/**
 * Reads the reports of the tool: `results.yaml`, which sums up each API and kind of data as Pass, FAIL, Error, Skip or
 * Disabled, and `junit.xml`, which has every single check.
 * @throws Error when they are not the reports this expects.
 */
export function readVerdict(resultsYaml: string, junitXml: string): Verdict {
  const rows = ['apis', 'data'].flatMap((section) => rowsOf(resultsYaml, section));
  const [suite = ''] = /<testsuite [^>]*>/.exec(junitXml) ?? [];
  const counts = {
    tests: attribute(suite, 'tests'),
    failed: attribute(suite, 'failures'),
    errors: attribute(suite, 'errors'),
    skipped: attribute(suite, 'skipped'),
  };
  const checks = [...junitXml.matchAll(/<testcase name="([^"]*)"[^>]* status="([a-z]+)"/g)].map(
    ([, name = '', status = '']) => ({ name, status }),
  );
  if (rows.length === 0 || checks.length === 0 || counts.tests < checks.length) {
    throw new Error(
      `The reports of the conformance tool are not understood: ${rows.length} rows, ${checks.length} checks of ${counts.tests}.`,
    );
  }
  return {
    counts,
    shortcomings: rows.filter((row) => !row.endsWith(': Pass')),
    unpassed: checks
      .filter(({ status }) => status !== 'passed')
      .map(({ name, status }) => `${status} ${name}`),
  };
}

/** A number among the attributes of an element; the tool leaves out those that are 0. */
function attribute(element: string, name: string): number {
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(element)?.[1] ?? 0);
}

/** The lines of one section of the YAML: from `section:` to the next line that is not indented. */
function rowsOf(yaml: string, section: string): string[] {
  const lines = yaml.split('\n');
  const start = lines.indexOf(`${section}:`) + 1;
  if (start === 0) throw new Error(`The results of the conformance tool have no '${section}'.`);
  const end = lines.findIndex((line, index) => index >= start && !line.startsWith('  '));
  return lines.slice(start, end === -1 ? undefined : end).map((line) => line.trim());
}
