import type { Direction, Skip, TransferProgress } from '../registry/transfer.ts';
import { bar, count, size } from './figures.ts';
import type { TransferSummary, TransferTeller } from './transfer.ts';
import type { Terminal } from './verification-screen.ts';

const CLEAR_LINE = '\r\u001b[2K';
/** Terminals that do not know how wide they are say 0. */
const DEFAULT_COLUMNS = 80;
/** Milliseconds between two drawings of the bar. */
const REDRAWN_AFTER = 100;

/** Tells a person how an import or export goes: a line that moves, what is left out above it, a table at the end. */
export class TransferScreen implements TransferTeller {
  readonly #terminal: Terminal;
  readonly #direction: Direction;
  readonly #progress: () => Readonly<TransferProgress>;
  readonly #timer: NodeJS.Timeout;

  constructor(terminal: Terminal, direction: Direction, progress: () => Readonly<TransferProgress>) {
    this.#terminal = terminal;
    this.#direction = direction;
    this.#progress = progress;
    this.#timer = setInterval(() => this.#draw(), REDRAWN_AFTER).unref();
  }

  skipped({ reason, repository, tag, digest, detail }: Skip): boolean {
    const reference = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
    return this.#terminal.write(`${CLEAR_LINE}${reason}  ${repository}${reference}\n    ${detail}\n`);
  }

  end(summary: TransferSummary): boolean {
    return this.#terminal.write(`${CLEAR_LINE}${table(this.#direction, summary)}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#terminal.write(CLEAR_LINE);
  }

  #draw(): void {
    const { total, repositories, tags, manifests, blobs } = this.#progress();
    const parts = [
      bar(repositories.done, total),
      `${count(repositories.done)} of ${count(total)} repositories`,
      `${count(tags.found)} tags, ${count(manifests.found)} manifests`,
      `${count(blobs.taken)} blobs, ${size(blobs.bytes)}`,
      ...(blobs.read > 0 ? [`${size(blobs.read)} read`] : []),
    ];
    const line = parts.join('  ').slice(0, (this.#terminal.columns || DEFAULT_COLUMNS) - 1);
    this.#terminal.write(CLEAR_LINE + line);
  }
}

function table(direction: Direction, summary: TransferSummary): string {
  const { dryRun, seconds, total, tags, manifests, blobs } = summary;
  const done = direction === 'import' ? 'Imported' : 'Exported';
  const rows = [
    ['', 'found', dryRun ? 'would go' : 'gone over', 'there', 'left out'],
    rowOf('tags', tags.found, tags.set, tags.skipped),
    rowOf('manifests', manifests.found, manifests.taken, manifests.skipped),
  ].map((cells) => cells.map((cell, index) => (index === 0 ? cell.padEnd(10) : cell.padStart(12))).join(''));
  const read = blobs.read > 0 ? `; ${size(blobs.read)} were read for it` : '';
  return [
    `${dryRun ? 'Nothing was changed; this was looked at' : done} in ${seconds.toFixed(1)} s: ${count(total)} repositories`,
    '',
    ...rows,
    '',
    `${count(blobs.taken)} blobs, ${size(blobs.bytes)}${read}`,
  ].join('\n');
}

function rowOf(name: string, found: number, taken: number, skipped: number): string[] {
  return [name, ...[found, taken, found - taken - skipped, skipped].map(count)];
}
