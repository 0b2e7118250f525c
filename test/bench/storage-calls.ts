import { measure } from '../round-trips/measurement.ts';
import { operations } from '../round-trips/operations.ts';

export interface CallReport {
  readonly calls: number;
  /** Calls that wait for each other. */
  readonly rounds: number;
  readonly byVerb: Readonly<Record<string, number>>;
}

/** Storage calls of each operation of the table in docs/performance.md. */
export async function storageCalls(
  isWanted: (name: string) => boolean,
): Promise<Readonly<Record<string, CallReport>>> {
  const reports: Record<string, CallReport> = {};
  for (const operation of operations) {
    if (!isWanted(operation.title)) continue;
    const rounds = await measure(operation);
    const calls = rounds.flat();
    const byVerb: Record<string, number> = {};
    for (const { verb } of calls) byVerb[verb] = (byVerb[verb] ?? 0) + 1;
    reports[operation.title] = { calls: calls.length, rounds: rounds.length, byVerb };
  }
  return reports;
}
