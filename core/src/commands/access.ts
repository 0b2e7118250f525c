import type { Access } from '@entrepot/plugin-sdk';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { explain } from '../registry/explanation.ts';

export interface ExplainFlags {
  readonly config?: string;
  readonly user?: string;
  readonly group?: readonly string[];
  readonly claim?: readonly string[];
  readonly address: string;
  readonly repo?: string;
  readonly action: 'pull' | 'push' | 'delete' | 'catalog';
  readonly new?: boolean;
}

const DENIED = 1;

/**
 * `registry access explain`: prints whether the plugins of the configuration would allow it, and which rule decides.
 * Starts nothing. The exit code is 0 when it is allowed and 1 when it is not.
 * @throws Error when the question makes no sense, or what a start would throw.
 */
export async function explainAccess(flags: ExplainFlags): Promise<void> {
  const { config: file, user, group = [], claim = [], address } = flags;
  if (user === undefined && (group.length > 0 || claim.length > 0))
    throw new Error('groups and claims are those of a user; add --user');
  const access = accessOf(flags);
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const log = await createLog(config.log, process.stderr);
  const claims = Object.fromEntries(claim.map(claimOf));
  const identity = user === undefined ? undefined : { subject: user, groups: group, claims };
  const { allowed, reasons } = await explain(config, log, {
    identity,
    access,
    address,
    exists: async () => flags.new !== true,
  });
  process.stdout.write(
    `${[allowed ? 'allowed' : 'denied', ...reasons.map((each) => `  ${each}`)].join('\n')}\n`,
  );
  if (!allowed) process.exitCode = DENIED;
}

/** What a request of this kind needs: a push pulls as well. */
function accessOf({ repo, action }: ExplainFlags): readonly Access[] {
  if (action === 'catalog') return [{ type: 'registry', name: 'catalog', action: '*' }];
  if (repo === undefined) throw new Error(`--action ${action} needs --repo <name>`);
  switch (action) {
    case 'push':
      return [
        { type: 'repository', name: repo, action: 'pull' },
        { type: 'repository', name: repo, action },
      ];
    case 'pull':
    case 'delete':
      return [{ type: 'repository', name: repo, action }];
  }
}

function claimOf(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new Error(`--claim ${text} is to be <name>=<value>`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
