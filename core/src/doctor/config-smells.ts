import { availableParallelism } from 'node:os';
import type { Diagnosis, Hooks } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';

/** What supervisors wait mostly before they kill (Kubernetes), in seconds. */
const SUPERVISORS_WAIT = 30;

/** What is allowed, and seldom meant. */
export function configSmells(
  config: ResolvedConfig,
  hooks: Pick<Hooks, 'authenticate' | 'authorize'>,
): Diagnosis[] {
  const { http, log, gc } = config;
  const local = /^(?:127\.|::1$|localhost$)/.test(http.host);
  const asks = hooks.authenticate.isUsed();
  const smells: (Diagnosis | false)[] = [
    !local &&
      !asks && {
        subject: 'http.host',
        state: 'doubtful',
        finding: `everyone who reaches ${http.host} may push and delete: no plugin asks who they are`,
        advice: 'add a plugin such as auth-htpasswd with access-rules, or set http.host to 127.0.0.1',
      },
    !local &&
      asks &&
      http.tls === undefined && {
        subject: 'http.tls',
        state: 'doubtful',
        finding: `passwords and tokens travel in the clear to ${http.host}`,
        advice: 'set http.tls, or let only a proxy that speaks TLS reach this address',
      },
    asks &&
      !hooks.authorize.isUsed() && {
        subject: 'plugins',
        state: 'doubtful',
        finding: 'whoever has an identity may push and delete everything: no plugin has rules',
        advice: 'add access-rules, unless all your users are administrators',
      },
    http.stopDelay + http.drainTimeout > SUPERVISORS_WAIT && {
      subject: 'http.drainTimeout',
      state: 'doubtful',
      finding: `a stop may take ${http.stopDelay + http.drainTimeout} s, and Kubernetes kills after ${SUPERVISORS_WAIT} by default`,
      advice: 'raise terminationGracePeriodSeconds or TimeoutStopSec above it, or lower http.drainTimeout',
    },
    typeof http.workers === 'number' &&
      http.workers > availableParallelism() && {
        subject: 'http.workers',
        state: 'doubtful',
        finding: `${http.workers} workers share ${availableParallelism()} processors`,
        advice: "set http.workers to 'auto'",
      },
    (log.level === 'trace' || log.level === 'debug') && {
      subject: 'log.level',
      state: 'doubtful',
      finding: `the level ${log.level} writes several lines for each request`,
      advice: "set log.level to 'info', or log.levels for the part you look at",
    },
    !gc.enabled && {
      subject: 'gc.enabled',
      state: 'doubtful',
      finding: 'the space of what is deleted is not given back',
      advice: "let 'registry gc' run now and then, or set gc.enabled",
    },
  ];
  const found = smells.filter((smell) => smell !== false);
  return found.length > 0
    ? found
    : [{ subject: 'settings', state: 'good', finding: 'nothing in them is unusual' }];
}
