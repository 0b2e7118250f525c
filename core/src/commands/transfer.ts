import { once } from 'node:events';
import { loadConfig } from '../config/load-config.ts';
import { messageOf } from '../error-message.ts';
import { createLog } from '../log.ts';
import {
  openTransfer,
  type Direction,
  type OpenTransfer,
  type Skip,
  type TransferProgress,
} from '../registry/transfer.ts';
import { TransferScreen } from './transfer-screen.ts';

export interface ImportFlags {
  readonly config?: string;
  readonly from: 'distribution';
  readonly dryRun?: boolean;
  readonly deep?: boolean;
  readonly final?: boolean;
  readonly json?: boolean;
}

export interface ExportFlags {
  readonly config?: string;
  readonly to: 'distribution';
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What came of an import or an export. */
export interface TransferSummary extends TransferProgress {
  readonly dryRun: boolean;
  readonly seconds: number;
}

/** Tells what does not go over. Each gives whether there is room for more at once. */
export interface TransferTeller {
  skipped(skip: Skip): boolean;
  end(summary: TransferSummary): boolean;
  /** Nothing more is told. */
  stop(): void;
}

const LEFT_OUT = 1;
const COULD_NOT_RUN = 2;

/**
 * `registry import --from distribution`: takes over what a CNCF distribution registry keeps under the root or prefix of
 * our storage, in place, while registries of both kinds may serve. What it leaves out goes to standard output as it is
 * met: for people on a terminal, as lines of JSON elsewhere. The exit code is 0 when all has been taken over, 1 when
 * something was left out, and 2 when it could not come to its end: the next run goes on.
 */
export function importFrom(flags: ImportFlags): Promise<void> {
  return transfer('import', flags);
}

/** `registry export --to distribution`: the way back; in everything else like {@link importFrom}. */
export function exportTo(flags: ExportFlags): Promise<void> {
  return transfer('export', flags);
}

async function transfer(
  direction: Direction,
  { config: file, dryRun = false, json = false, deep = false, final = false }: Omit<ImportFlags, 'from'>,
): Promise<void> {
  // Whoever reads what is told has gone.
  process.stdout.once('error', () => process.exit(COULD_NOT_RUN));
  try {
    const { config } = await loadConfig(file === undefined ? {} : { file });
    const log = await createLog(config.log, process.stderr);
    const open = await openTransfer(config, direction, { log, dryRun, deep });
    try {
      const isForPeople = process.stdout.isTTY && !json;
      const teller = isForPeople
        ? new TransferScreen(process.stdout, direction, () => open.progress)
        : jsonLines;
      if (!(await tell(open, teller, dryRun))) process.exitCode = LEFT_OUT;
      else if (final && !dryRun) await open.finish();
    } finally {
      await open.close();
    }
  } catch (error) {
    process.stderr.write(`registry: could not ${direction}: ${messageOf(error)}\n`);
    process.exitCode = COULD_NOT_RUN;
  }
}

/** Whether nothing was left out. */
async function tell(open: OpenTransfer, teller: TransferTeller, dryRun: boolean): Promise<boolean> {
  const began = performance.now();
  let isWhole = true;
  try {
    for await (const skip of open.skips()) {
      // A tag that has been moved where it was to go is no loss.
      if (skip.reason !== 'kept-tag') isWhole = false;
      // A slow reader slows the transfer down, not memory up.
      if (!teller.skipped(skip)) await once(process.stdout, 'drain');
    }
    const seconds = Math.round(performance.now() - began) / 1000;
    teller.end({ dryRun, seconds, ...open.progress });
    return isWhole;
  } finally {
    teller.stop();
  }
}

const jsonLines: TransferTeller = {
  skipped: (skip) => print({ skipped: skip }),
  end: ({ dryRun, seconds, total, tags, manifests, blobs }) =>
    print({ summary: { dryRun, seconds, repositories: total, tags, manifests, blobs } }),
  stop: () => undefined,
};

function print(line: object): boolean {
  return process.stdout.write(`${JSON.stringify(line)}\n`);
}
