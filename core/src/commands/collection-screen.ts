import type { Account, CollectProgress, CollectSummary, Step } from '../registry/collection.ts';
import { bar, count, size } from './figures.ts';
import type { CollectionTeller } from './gc.ts';
import type { Terminal } from './verification-screen.ts';

const CLEAR_LINE = '\r\u001b[2K';
/** Terminals that do not know how wide they are say 0. */
const DEFAULT_COLUMNS = 80;
/** Milliseconds between two drawings of the bar. */
const REDRAWN_AFTER = 100;

const phases: Readonly<Record<CollectProgress['phase'], string>> = {
  counting: 'counting',
  marking: 'reading manifests',
  looking: 'looking for what nothing refers to',
  deleting: 'deleting',
};

/** Tells a person how a collection goes: a line that moves, in a dry run the steps above it, a table at the end. */
export class CollectionScreen implements CollectionTeller {
  readonly #terminal: Terminal;
  readonly #progress: () => Readonly<CollectProgress>;
  readonly #showsSteps: boolean;
  readonly #timer: NodeJS.Timeout;

  constructor(
    terminal: Terminal,
    progress: () => Readonly<CollectProgress>,
    { showsSteps }: { readonly showsSteps: boolean },
  ) {
    this.#terminal = terminal;
    this.#progress = progress;
    this.#showsSteps = showsSteps;
    this.#timer = setInterval(() => this.#draw(), REDRAWN_AFTER).unref();
  }

  took({ action, kind, digest, repository, bytes }: Step): boolean {
    if (!this.#showsSteps) return true;
    const place = repository === undefined ? digest : `${repository}@${digest}`;
    return this.#terminal.write(`${CLEAR_LINE}would ${action} ${kind} ${place} (${size(bytes)})\n`);
  }

  end(summary: CollectSummary): boolean {
    return this.#terminal.write(`${CLEAR_LINE}${table(summary)}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#terminal.write(CLEAR_LINE);
  }

  #draw(): void {
    const { phase, total, objects, deleted, freed } = this.#progress();
    const parts = [
      bar(objects, total),
      phases[phase],
      ...(total > 0 ? [`${count(objects)} of ${count(total)} objects`] : []),
      ...(deleted > 0 ? [`${count(deleted)} deleted, ${size(freed)}`] : []),
    ];
    const line = parts.join('  ').slice(0, (this.#terminal.columns || DEFAULT_COLUMNS) - 1);
    this.#terminal.write(CLEAR_LINE + line);
  }
}

function table({ dryRun, seconds, blobs, manifests, damaged }: CollectSummary): string {
  const head = ['', 'there', 'condemned', 'rescued', 'deleted', 'space'];
  const rows = [head, rowOf('blobs', blobs), rowOf('manifests', manifests)].map((cells) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(10) : cell.padStart(12))).join(''),
  );
  return [
    `${dryRun ? 'Nothing was changed; this would have been done' : 'Collected'} in ${seconds.toFixed(1)} s`,
    '',
    ...rows,
    '',
    ...waitingOf('blobs', blobs),
    ...waitingOf('manifests', manifests),
    ...(damaged > 0
      ? [
          `${count(damaged)} manifests and tags could not be understood: all they may refer to is kept; see registry verify`,
        ]
      : []),
  ].join('\n');
}

function rowOf(name: string, { found, condemned, rescued, deleted, freed }: Account): string[] {
  return [name, ...[found, condemned, rescued, deleted].map(count), size(freed)];
}

function waitingOf(name: string, { waiting: { count: waits, bytes, from, until } }: Account): string[] {
  if (from === undefined || until === undefined) return [];
  return [
    `${count(waits)} ${name} wait, ${size(bytes)}: what nobody needs meanwhile may go from ${timeOf(from)}, all of it by ${timeOf(until)}`,
  ];
}

function timeOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
