import { once } from 'node:events';
import { Copying, type CopiedTag, type CopyOptions } from '../copy/copying.ts';
import type { CopyProgress } from '../copy/copy-run.ts';
import { parseCredentials } from '../copy/credentials.ts';
import { parsePlace } from '../copy/place.ts';
import { messageOf } from '../error-message.ts';
import { CopyScreen } from './copy-screen.ts';

export interface CopyFlags {
  /** `user:password`. */
  readonly srcCreds?: string;
  readonly destCreds?: string;
  readonly dryRun?: boolean;
  readonly referrers?: boolean;
  readonly jobs: number;
  readonly json?: boolean;
}

/** What came of a copy. */
export interface CopySummary extends CopyProgress {
  readonly dryRun: boolean;
  readonly seconds: number;
}

/** Tells what becomes of each tag. Each gives whether there is room for more at once. */
export interface CopyTeller {
  took(tag: CopiedTag): boolean;
  end(summary: CopySummary): boolean;
  /** Nothing more is told. */
  stop(): void;
}

const FAILED = 1;
const COULD_NOT_RUN = 2;

/**
 * `registry copy`: copies tags, repositories or a whole registry from any OCI registry to any. What becomes of each goes to
 * standard output: for people on a terminal, as lines of JSON elsewhere. The exit code is 0 when all is there now, 1 when
 * some could not be copied, and 2 when it could not be told what there is. The next run goes on.
 */
export async function copy(source: string, target: string, flags: CopyFlags): Promise<void> {
  // Whoever reads what is told has gone.
  process.stdout.once('error', () => process.exit(COULD_NOT_RUN));
  const { dryRun = false, referrers = false, json = false, jobs } = flags;
  try {
    const copying = new Copying({
      source: parsePlace(source),
      target: parsePlace(target),
      sourceCredentials: credentialsOf(flags.srcCreds),
      targetCredentials: credentialsOf(flags.destCreds),
      dryRun,
      referrers,
      jobs,
    });
    const isForPeople = process.stdout.isTTY && !json;
    const teller = isForPeople ? new CopyScreen(process.stdout, () => copying.progress) : jsonLines;
    if (!(await tell(copying, teller, dryRun))) process.exitCode = FAILED;
  } catch (error) {
    process.stderr.write(`registry: could not copy: ${messageOf(error)}\n`);
    process.exitCode = COULD_NOT_RUN;
  }
}

function credentialsOf(given: string | undefined): CopyOptions['sourceCredentials'] {
  return given === undefined ? undefined : parseCredentials(given);
}

/** Whether all is there now. */
async function tell(copying: Copying, teller: CopyTeller, dryRun: boolean): Promise<boolean> {
  const began = performance.now();
  try {
    for await (const tag of copying.run()) {
      // A slow reader slows the copy down, not memory up.
      if (!teller.took(tag)) await once(process.stdout, 'drain');
    }
    const seconds = Math.round(performance.now() - began) / 1000;
    teller.end({ dryRun, seconds, ...copying.progress });
    return copying.progress.tags.failed === 0;
  } finally {
    teller.stop();
  }
}

const jsonLines: CopyTeller = {
  took: (tag) => print(tag),
  end: (summary) => print({ summary }),
  stop: () => undefined,
};

function print(line: object): boolean {
  return process.stdout.write(`${JSON.stringify(line)}\n`);
}
