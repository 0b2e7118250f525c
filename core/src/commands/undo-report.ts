import type { PastChange, Restored } from '../registry/undo.ts';

/** Writes a line of JSON. */
export function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The history of a tag, for people. */
export function tableOf(changes: readonly PastChange[]): string {
  const rows = changes.map(({ at, digest, actor, deleted, manifest }, index) => [
    `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    whatHappened(deleted, index),
    digest,
    presences[manifest],
    actor ?? '',
  ]);
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${lineOf(row)}\n`).join('');
}

/** What has been restored, for people. */
export function restoredLine(repository: string, { digest, tags, taken, manifests }: Restored): string {
  const lines = [
    ...manifests.map((each) => `${repository}@${each} is there again`),
    ...tags.map((tag) => `${repository}:${tag} points at ${digest}`),
    ...taken.map((tag) => `${repository}:${tag} has been set again since, and stays as it is`),
  ];
  if (lines.length === 0) lines.push(`${repository}@${digest} is there, and nothing was to be restored`);
  return `${lines.join('\n')}\n`;
}

const presences: Readonly<Record<PastChange['manifest'], string>> = {
  there: 'there',
  deleted: 'can be restored',
  gone: 'gone',
};

function whatHappened(deleted: PastChange['deleted'], index: number): string {
  if (deleted === 'manifest') return 'deleted with its manifest';
  if (deleted === 'tag') return 'deleted';
  return index === 0 ? 'set, and so it is now' : 'set';
}
