import type { CopiedTag } from '../copy/copying.ts';
import type { CopyProgress } from '../copy/copy-run.ts';
import type { CopySummary, CopyTeller } from './copy.ts';
import { bar, count, size } from './figures.ts';
import type { Terminal } from './verification-screen.ts';

const CLEAR_LINE = '\r\u001b[2K';
/** Terminals that do not know how wide they are say 0. */
const DEFAULT_COLUMNS = 80;
/** Milliseconds between two drawings of the bar. */
const REDRAWN_AFTER = 100;

/** Tells a person how a copy goes: a line that moves, what has been copied or has failed above it, the sums at the end. */
export class CopyScreen implements CopyTeller {
  readonly #terminal: Terminal;
  readonly #progress: () => CopyProgress;
  readonly #timer: NodeJS.Timeout;

  constructor(terminal: Terminal, progress: () => CopyProgress) {
    this.#terminal = terminal;
    this.#progress = progress;
    this.#timer = setInterval(() => this.#draw(), REDRAWN_AFTER).unref();
  }

  took({ from, to, outcome, reason }: CopiedTag): boolean {
    if (outcome === 'there') return true;
    const place = from === to ? from : `${from} to ${to}`;
    const why = reason === undefined ? '' : `\n    ${reason}`;
    return this.#terminal.write(`${CLEAR_LINE}${outcome}  ${place}${why}\n`);
  }

  end({ dryRun, seconds, tags, manifests, blobs }: CopySummary): boolean {
    const lines = [
      `${dryRun ? 'Nothing was changed; this was looked at' : 'Copied'} in ${seconds.toFixed(1)} s`,
      '',
      `${count(tags.found)} tags: ${count(tags.copied)} ${dryRun ? 'would be copied' : 'copied'}, ${count(tags.there)} there already, ${count(tags.failed)} failed`,
      `${count(manifests.copied)} manifests and ${count(blobs.copied)} blobs sent, ${size(blobs.bytes)}; ${count(blobs.mounted)} blobs taken from other repositories`,
    ];
    return this.#terminal.write(`${CLEAR_LINE}${lines.join('\n')}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#terminal.write(CLEAR_LINE);
  }

  #draw(): void {
    const { tags, blobs } = this.#progress();
    const done = tags.copied + tags.there + tags.failed;
    const parts = [
      bar(done, tags.found),
      `${count(done)} of ${count(tags.found)} tags`,
      `${count(blobs.copied)} blobs, ${size(blobs.bytes)}`,
      ...(tags.failed > 0 ? [`${count(tags.failed)} failed`] : []),
    ];
    const line = parts.join('  ').slice(0, (this.#terminal.columns || DEFAULT_COLUMNS) - 1);
    this.#terminal.write(CLEAR_LINE + line);
  }
}
