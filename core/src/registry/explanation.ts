import { createHooks, type Access, type Hooks, type Identity } from '@entrepot/plugin-sdk';
import { Gatekeeper } from '../auth/gatekeeper.ts';
import type { ResolvedConfig } from '../config/define-config.ts';
import type { Logger } from '../log.ts';
import { PluginHost } from '../plugins/plugin-host.ts';

export interface Question {
  /** Undefined: who has not said who they are. */
  readonly identity: Identity | undefined;
  readonly access: readonly Access[];
  readonly address: string;
  readonly exists: (repository: string) => Promise<boolean>;
}

export interface Explanation {
  readonly allowed: boolean;
  /** What the plugins say of it, a line each. */
  readonly reasons: readonly string[];
}

/**
 * Asks the plugins of a configuration what they would decide, and why. They are set up and not started.
 * @throws Error when a plugin cannot be set up, or cannot decide without having been started.
 */
export async function explain(config: ResolvedConfig, log: Logger, question: Question): Promise<Explanation> {
  const hooks = createHooks();
  new PluginHost(config.plugins, hooks, log);
  const reasons: string[] = [];
  const refusal = await new Gatekeeper(hooks).refusal({
    ...question,
    explain: (reason) => void reasons.push(reason),
  });
  if (reasons.length === 0) reasons.push(unexplained(hooks, refusal?.message));
  return { allowed: refusal === undefined, reasons };
}

function unexplained(hooks: Hooks, refusal: string | undefined): string {
  if (hooks.authorize.isUsed()) return refusal ?? 'a plugin allows it, and does not say why';
  if (hooks.authenticate.isUsed())
    return 'no plugin has rules: whoever is known may do everything, others nothing';
  return 'no plugin asks who is there: everybody may do everything';
}
