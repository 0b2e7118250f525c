import { once } from 'node:events';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import {
  openRetention,
  type OpenRetention,
  type RetentionStep,
  type RetentionSummary,
} from '../registry/retention.ts';
import { count } from './figures.ts';

export interface RetentionFlags {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Telling {
  readonly isForPeople: boolean;
  readonly isDry: boolean;
}

/**
 * `registry retention`: one run of the rules, while registries may serve the same storage. A dry run tells of each tag
 * which rule keeps it, or that none does; another run, which tags it has dropped. The exit code is 0 when it has come to
 * its end, also when another process does it already.
 * @throws Error when it has failed, was told to stop, or could not judge some repositories.
 */
export async function retention({
  config: file,
  dryRun = false,
  json = false,
}: RetentionFlags): Promise<void> {
  const stopped = new AbortController();
  const lost = new AbortController();
  const stop = (reason: string): void => stopped.abort(new Error(`${reason}; the next run goes on`));
  process.once('SIGTERM', () => stop('it was told to stop'));
  process.once('SIGINT', () => stop('it was told to stop'));
  process.stdout.once('error', () => stop('nobody reads what it does'));
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const log = await createLog(config.log, process.stderr);
  const signal = AbortSignal.any([stopped.signal, lost.signal]);
  const opened = await openRetention(config, { log, dryRun, signal });
  const telling = { isForPeople: process.stdout.isTTY && !json, isDry: dryRun };
  try {
    const failed = dryRun ? await tell(opened, telling) : await runAlone(opened, lost, telling);
    if (failed > 0)
      throw new Error(`the tags of ${failed} repositories could not be judged, and all of them stay`);
  } finally {
    await opened.close();
  }
}

/** Gives in how many repositories all tags stay because they could not be judged. */
async function runAlone(opened: OpenRetention, lost: AbortController, telling: Telling): Promise<number> {
  const lease = await opened.takeLease();
  if ('heldBy' in lease) {
    const text = `The rules are being applied already, by ${lease.heldBy}.\n`;
    process.stdout.write(
      telling.isForPeople ? text : `${JSON.stringify({ alreadyRunning: lease.heldBy })}\n`,
    );
    return 0;
  }
  lease.signal.addEventListener('abort', () => lost.abort(lease.signal.reason));
  let isDone = false;
  try {
    const failed = await tell(opened, telling);
    isDone = true;
    return failed;
  } finally {
    await lease.release(isDone);
  }
}

async function tell(opened: OpenRetention, { isForPeople, isDry }: Telling): Promise<number> {
  const run = opened.run();
  for (;;) {
    const next = await run.next();
    if (next.done === true) {
      process.stdout.write(isForPeople ? ending(next.value) : `${JSON.stringify({ summary: next.value })}\n`);
      return next.value.failed;
    }
    if (next.value.outcome === 'kept' && !isDry) continue;
    // A slow reader slows the run down, not memory up.
    if (!process.stdout.write(isForPeople ? lineOf(next.value, isDry) : jsonOf(next.value)))
      await once(process.stdout, 'drain');
  }
}

function lineOf({ repository, tag, outcome, rule }: RetentionStep, isDry: boolean): string {
  const words = { kept: 'stays', changed: 'changed', dropped: isDry ? 'would go' : 'dropped' };
  return `${words[outcome].padEnd(8)}  ${repository}:${tag}  ${rule}\n`;
}

function jsonOf({ pushed, keeps, ...step }: RetentionStep): string {
  return `${JSON.stringify({ ...step, pushed: new Date(pushed).toISOString(), keeps })}\n`;
}

function ending({ dryRun, seconds, repositories, kept, dropped, changed }: RetentionSummary): string {
  const verb = dryRun ? 'would go' : 'dropped';
  const others = changed > 0 ? `, ${count(changed)} changed meanwhile and stay` : '';
  return `${count(kept)} tags of ${count(repositories)} repositories stay, ${count(dropped)} ${verb}${others} (${seconds.toFixed(1)} s)\n`;
}
