import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { openContent, type Holder, type Reasons, type State } from '../registry/content.ts';
import { count, size } from './figures.ts';

export interface WhyFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/**
 * `registry why`: tells what keeps a manifest or a blob, or when it goes. Changes nothing. The exit code is 0 when it is
 * there, whatever becomes of it, and 1 when it is not.
 * @throws Error when the reference makes no sense, or the storage cannot be read.
 */
export async function why(reference: string, { config: file, json = false }: WhyFlags): Promise<void> {
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const content = await openContent(config, await createLog(config.log, process.stderr));
  try {
    const reasons = await content.why(reference);
    const keepsUntagged = config.gc.keepUntagged === 'forever';
    const text = json ? JSON.stringify(jsonOf(reasons)) : sentences(reasons, keepsUntagged).join('\n');
    process.stdout.write(`${text}\n`);
    if (reasons.state === 'absent') process.exitCode = 1;
  } finally {
    await content.close();
  }
}

const states: Readonly<Record<Exclude<State, 'absent'>, string>> = {
  live: 'is there',
  condemned: 'is there, and collection has found that nothing refers to it',
  deleting: 'is being removed, and counts as absent',
  deleted: 'has been deleted, and can be restored',
  damaged: 'cannot be understood as it is stored; see registry verify',
};

function sentences(reasons: Reasons, keepsUntagged: boolean): readonly string[] {
  const { kind, digest, repository, state, repositories, heldBy, holders, promisedUntil } = reasons;
  const name = `${kind} ${repository === undefined ? digest : `${repository}@${digest}`}`;
  if (state === 'absent') return [`${name}\n  is not there`];
  const more = holders - heldBy.length;
  return [
    name,
    `  ${states[state]}${reasons.size === undefined ? '' : ` (${size(reasons.size)})`}`,
    ...(repositories === undefined ? [] : [`  may be read in ${count(repositories)} repositories`]),
    ...heldBy.map((holder) => `  kept by ${nameOf(holder)}`),
    ...(more > 0 ? [`  and by ${count(more)} more`] : []),
    ...(promisedUntil === undefined
      ? []
      : [`  stays until ${timeOf(promisedUntil)} in any case: somebody has been promised it`]),
    `  ${endOf(reasons, keepsUntagged)}`,
  ];
}

function endOf({ kind, state, goes, holders, heldBy }: Reasons, keepsUntagged: boolean): string {
  if (goes !== undefined)
    return state === 'deleting'
      ? 'goes with the next run of collection'
      : `may go from ${timeOf(goes)}, with the first run of collection after that, if nobody needs it meanwhile`;
  if (state === 'damaged') return 'stays: what cannot be understood is not collected';
  if (state === 'deleting')
    return 'goes when the deletion that has begun is done again, or the manifest is pushed';
  if (holders > 0 && heldBy.every((holder) => 'goes' in holder && holder.goes))
    return 'goes after what keeps it, which collection has condemned';
  if (holders > 0) return 'stays as long as any of that does';
  return kind === 'manifest' && keepsUntagged
    ? 'stays, though nothing refers to it: gc.keepUntagged is forever'
    : 'stays: what cannot be understood is not collected';
}

function nameOf(holder: Holder): string {
  switch (holder.kind) {
    case 'manifest':
      return `manifest ${holder.repository}@${holder.digest}`;
    case 'tag':
      return `tag ${holder.tag}`;
    case 'former tag':
      return `tag ${holder.tag}, which has named it and can be restored`;
    case 'deleted tag':
      return `tag ${holder.tag}, which has been deleted and can be restored`;
    case 'index':
    case 'subject':
      return `${holder.kind === 'index' ? 'index' : 'its subject'} ${holder.digest}${holder.goes ? ', which is condemned' : ''}`;
  }
}

/** Times as JSON has them. */
function jsonOf({ promisedUntil, goes, ...rest }: Reasons): object {
  return { ...rest, promisedUntil: isoOf(promisedUntil), goes: isoOf(goes) };
}

function isoOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function timeOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
