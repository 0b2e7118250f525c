import { findingKinds, type Finding, type VerifyProgress } from '../registry/verification.ts';
import { bar, count, size } from './figures.ts';
import type { Summary, Teller } from './verify.ts';

/** What a screen writes to: a terminal. */
export interface Terminal {
  write(text: string): boolean;
  /** Characters of a line. */
  readonly columns: number;
}

const CLEAR_LINE = '\r\u001b[2K';
/** Terminals that do not know how wide they are say 0. */
const DEFAULT_COLUMNS = 80;
/** Milliseconds between two drawings of the bar. */
const REDRAWN_AFTER = 100;

/** Tells a person how a verification goes: a line that moves, findings above it as they come, a table at the end. */
export class VerificationScreen implements Teller {
  readonly #terminal: Terminal;
  readonly #progress: () => VerifyProgress;
  readonly #timer: NodeJS.Timeout;
  #findings = 0;

  constructor(terminal: Terminal, progress: () => VerifyProgress) {
    this.#terminal = terminal;
    this.#progress = progress;
    this.#timer = setInterval(() => this.#draw(), REDRAWN_AFTER).unref();
  }

  found({ kind, key, detail, repair }: Finding): boolean {
    this.#findings += 1;
    const done = repair === undefined ? '' : `; ${repair}`;
    return this.#terminal.write(`${CLEAR_LINE}${kind}  ${key}\n    ${detail}${done}\n`);
  }

  end(summary: Summary): boolean {
    return this.#terminal.write(`${CLEAR_LINE}${table(summary)}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#terminal.write(CLEAR_LINE);
  }

  #draw(): void {
    const { total, objects, bytes, isWaiting } = this.#progress();
    const parts = [
      bar(objects, total),
      `${count(objects)} of ${count(total)} objects`,
      ...(bytes > 0 ? [`${size(bytes)} hashed`] : []),
      ...(this.#findings > 0 ? [`${count(this.#findings)} found`] : []),
      ...(isWaiting ? ['waiting two minutes to be certain'] : []),
    ];
    this.#terminal.write(
      CLEAR_LINE + parts.join('  ').slice(0, (this.#terminal.columns || DEFAULT_COLUMNS) - 1),
    );
  }
}

function table({ sound, objects, bytes, seconds, found, repaired }: Summary): string {
  const hashed = bytes > 0 ? `, ${size(bytes)} hashed` : '';
  const rows = Object.entries(findingKinds).flatMap(([kind, severity]) => {
    const times = found.get(kind);
    return times === undefined
      ? []
      : [[severity, kind, count(times), count(repaired.get(kind) ?? 0)] as const];
  });
  const lines = [['', 'finding', 'found', 'repaired'] as const, ...rows].map(
    ([severity, kind, times, done]) =>
      `${severity.padEnd(10)}${kind.padEnd(28)}${times.padStart(10)}${done.padStart(10)}`,
  );
  return [
    `${count(objects)} objects${hashed}, in ${seconds.toFixed(1)} s`,
    ...(rows.length > 0 ? ['', ...lines, ''] : []),
    sound ? 'The storage is sound.' : 'The storage is not sound.',
  ].join('\n');
}
