import type { Access, Identity } from '../auth.ts';
import { RegistryError } from '../errors.ts';

/** What RFC 6750 section 3.1 calls the ways a token can be refused. */
export type BearerError = 'invalid_token' | 'insufficient_scope';

/** Where a client gets a token, and for whom. */
export interface TokenServer {
  readonly realm: string;
  readonly service: string;
}

/** Whoever refuses a token, the challenge of another may be the one that the client reads. */
const errors = new WeakMap<RegistryError, BearerError>();

/** Says what is wrong with a token, and remembers it for the challenge of the 401. */
export class BearerRefusals {
  /** A 401 whose challenge has `error`. The message goes to the client, `cause` to the log. */
  refuse(error: BearerError, message: string, cause?: unknown): RegistryError {
    return remembered(error, new RegistryError('UNAUTHORIZED', message, { cause }));
  }

  /**
   * An `invalid_token` for a token with which nothing is wrong but that its time has passed: `expired` is whose it is.
   * An upload that was begun with it may be ended with it.
   */
  refuseExpired(expired: Identity, message: string, cause?: unknown): RegistryError {
    return remembered('invalid_token', new RegistryError('UNAUTHORIZED', message, { cause, expired }));
  }

  /**
   * The `WWW-Authenticate` value that docker, containerd and podman read: realm, service, a scope for each resource in
   * the order it is asked for, and the error, when there is one.
   */
  challenge({ realm, service }: TokenServer, access: readonly Access[], refusal?: RegistryError): string {
    const error = refusal === undefined ? undefined : errors.get(refusal);
    const scope = scopeOf(access);
    return [
      `Bearer realm="${realm}"`,
      `service="${service}"`,
      ...(scope === '' ? [] : [`scope="${scope}"`]),
      ...(error === undefined ? [] : [`error="${error}"`]),
    ].join(',');
  }
}

function remembered(error: BearerError, refusal: RegistryError): RegistryError {
  errors.set(refusal, error);
  return refusal;
}

/** `repository:team/app:pull,push repository:other:pull`: what a client is to ask its token server for. */
export function scopeOf(access: readonly Access[]): string {
  const actions = new Map<string, string[]>();
  for (const { type, name, action } of access) {
    const resource = `${type}:${name}`;
    const known = actions.get(resource);
    if (known === undefined) actions.set(resource, [action]);
    else if (!known.includes(action)) known.push(action);
  }
  return [...actions].map(([resource, of]) => `${resource}:${of.join()}`).join(' ');
}
