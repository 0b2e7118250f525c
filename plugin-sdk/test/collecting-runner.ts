import type { Runner } from '@entrepot/plugin-sdk/conformance';

export interface Failure {
  readonly title: string;
  readonly error: unknown;
}

/** Runs what `declare` declares and returns what failed: a test runner small enough to judge the kit with. */
export async function failuresOf(declare: (runner: Runner) => void): Promise<Failure[]> {
  const tests: { title: string; test: () => Promise<void> }[] = [];
  declare({ describe: (_title, body) => body(), it: (title, test) => tests.push({ title, test }) });
  const failures: Failure[] = [];
  for (const { title, test } of tests) {
    try {
      await test();
    } catch (error) {
      failures.push({ title, error });
    }
  }
  return failures;
}
