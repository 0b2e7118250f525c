import {
  isRegistryError,
  RegistryError,
  type Access,
  type AuthorizeRequest,
  type AuthRequest,
  type Hooks,
  type Identity,
} from '@entrepot/plugin-sdk';
import { BearerRefusals, parseAuthorization, scopeOf } from '@entrepot/plugin-sdk/access';
import type { AuditTrail } from '../events/audit-trail.ts';
import type { RequestContext } from '../http/request-context.ts';
import { ScopeSet } from './scope-set.ts';

/** Characters of a name that came with a wrong password which are told. */
const MAX_CLAIMED = 256;

/** The upload session that a request goes on with. */
export interface OpenUpload {
  /** Whether this subject has opened it; `undefined` is somebody who has not said who they are. */
  isOf(subject: string | undefined): Promise<boolean>;
  /** Whether it was opened with these credentials, the value of `Authorization`, and not longer ago than it may last. */
  wasOpenedWith(credentials: string): Promise<boolean>;
}

/**
 * Credentials to identity to decision to challenge. Without a tap of `authenticate` or `authorize` the registry is
 * open; with `authenticate` alone, whoever is known may do anything and nobody else may do a thing; with `authorize`,
 * what no tap allows is denied.
 */
export class Gatekeeper {
  /** Nobody is asked who they are: requests need not be shown to the gatekeeper at all. */
  readonly isOpen: boolean;
  readonly #hooks: Hooks;
  readonly #exists: AuthorizeRequest['exists'];
  readonly #audit: AuditTrail | undefined;

  /** `exists` is handed to the taps of `authorize`; `audit` hears of logins and denials. */
  constructor(hooks: Hooks, exists?: (repository: string) => Promise<boolean>, audit?: AuditTrail) {
    this.#hooks = hooks;
    this.#exists = exists;
    this.#audit = audit;
    this.isOpen = !hooks.authenticate.isUsed() && !hooks.authorize.isUsed();
  }

  /**
   * Who is asking, if they may do all of `access`. Credentials that no plugin knows are refused, also where everybody
   * may do what is asked: whoever mistypes a password hears so, and is not taken for a stranger.
   *
   * An upload is its opener's alone, who may end it with the very credentials it was opened with though they have expired
   * since. To everybody else it does not exist, whether they may push or not: who guesses learns nothing, and a client
   * that has mixed something up begins anew.
   * @throws RegistryError `UNAUTHORIZED` with the challenges when nobody has said who they are, `DENIED` when they have,
   *   `BLOB_UPLOAD_UNKNOWN` for the upload of somebody else.
   */
  async admit(
    context: RequestContext,
    access: readonly Access[],
    upload?: OpenUpload,
  ): Promise<Identity | undefined> {
    const { requestId, method, address, certificate } = context;
    const authorization = context.header('authorization');
    const credentials = parseAuthorization(authorization);
    const shown = certificate === undefined ? {} : { certificate };
    const identity = await this.identify(
      { requestId, method, address, access, ...shown, ...credentials },
      async () => authorization !== undefined && (await upload?.wasOpenedWith(authorization)) === true,
    );
    context.identity = identity;
    const limits: ((repository: string) => boolean | Promise<boolean>)[] = [];
    const isList = access.some(({ type }) => type === 'registry');
    const refusal = await this.refusal({
      identity,
      access,
      address,
      ...(isList ? { limitCatalog: (shows) => void limits.push(shows) } : {}),
    });
    if (limits.length > 0) context.shows = (repository) => areAllTrue(limits, repository);
    if (refusal === undefined) {
      if ((await upload?.isOf(identity?.subject)) === false) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
      return identity;
    }
    if (identity !== undefined) {
      const { message: reason } = refusal;
      const denial = { actor: identity.subject, access, reason, address, requestId, method };
      this.#audit?.report({ action: 'denial', outcome: 'refused', ...denial });
    }
    if (identity === undefined || refusal.code === 'UNAUTHORIZED') throw this.#unauthorized(access, refusal);
    throw refusal;
  }

  /**
   * Whether `identity` may do all of `access`, for what is no reason to refuse a request: the source of a mount, the
   * names of a list. @throws what a tap throws that could not decide.
   */
  async permits(
    identity: Identity | undefined,
    access: readonly Access[],
    address: string,
  ): Promise<boolean> {
    return (await this.refusal({ identity, access, address })) === undefined;
  }

  /** Why who asks may not do all of that; undefined when they may. */
  async refusal(request: AuthorizeRequest): Promise<RegistryError | undefined> {
    const { identity, access } = request;
    const denied = (): RegistryError => new RegistryError('DENIED', undefined, { details: access });
    if (this.isOpen) return undefined;
    if (identity?.scopes !== undefined) {
      const scopes = new ScopeSet(identity.scopes, identity);
      const beyond = access.find((each) => !scopes.covers(each));
      if (beyond !== undefined) {
        const message = `these credentials of ${identity.subject} do not allow ${scopeOf([beyond])}`;
        return new RegistryError('DENIED', message, { details: access });
      }
      request.limitCatalog?.((name) => scopes.covers({ type: 'repository', name, action: 'pull' }));
      if (identity.hasOwnRights === true) return undefined;
    }
    if (!this.#hooks.authorize.isUsed()) return identity === undefined ? denied() : undefined;
    // `GET /v2/` needs no right: it tells a client whether its credentials are good.
    if (access.length === 0)
      return identity === undefined && this.#hooks.authenticate.isUsed() ? denied() : undefined;
    try {
      const opinion: unknown = await this.#hooks.authorize.promise({
        ...(this.#exists === undefined ? {} : { exists: this.#exists }),
        ...request,
      });
      return opinion === true ? undefined : denied();
    } catch (error) {
      if (isRegistryError(error) && (error.code === 'DENIED' || error.code === 'UNAUTHORIZED')) return error;
      throw error;
    }
  }

  /**
   * Who is asking; undefined when nobody has said who they are, or shows credentials that are nobody's on purpose.
   * `outlives` is asked when nothing but their age is wrong with the credentials: whether they count all the same.
   * @throws RegistryError `UNAUTHORIZED` with the challenges when the credentials are wrong or not known.
   */
  async identify(request: AuthRequest, outlives?: () => Promise<boolean>): Promise<Identity | undefined> {
    if (!this.#hooks.authenticate.isUsed()) return undefined;
    try {
      const found: unknown = await this.#hooks.authenticate.promise(request);
      if (isIdentity(found)) {
        this.#reportLogin(request, found);
        return named(found);
      }
      if (request.basic === undefined && request.bearer === undefined) return undefined;
      throw unknownCredentials(request);
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      const { expired } = error;
      if (isIdentity(expired) && (await outlives?.()) === true) return named(expired);
      this.#reportRefusal(request, error);
      if (error.code !== 'UNAUTHORIZED') throw error;
      throw this.#unauthorized(request.access, error);
    }
  }

  /** A password that is good at `GET /v2/`, or where tokens are issued, is a login; with every other request it is not. */
  #reportLogin({ basic, access, address, requestId, method }: AuthRequest, { subject }: Identity): void {
    if (basic === undefined || access.length > 0) return;
    this.#audit?.report({ action: 'login', outcome: 'granted', actor: subject, address, requestId, method });
  }

  /** Who shows nothing is asked to log in, and has been refused nothing. */
  #reportRefusal(request: AuthRequest, { code, message: reason }: RegistryError): void {
    const { basic, bearer, access, address, requestId, method } = request;
    if (code !== 'UNAUTHORIZED' && code !== 'DENIED' && code !== 'TOOMANYREQUESTS') return;
    if (basic === undefined && bearer === undefined) return;
    const claimed = basic === undefined ? {} : { claimed: basic.username.slice(0, MAX_CLAIMED) };
    const action = basic === undefined ? 'denial' : 'login';
    this.#audit?.report({
      action,
      outcome: 'refused',
      ...claimed,
      access,
      reason,
      address,
      requestId,
      method,
    });
  }

  #unauthorized(access: readonly Access[], cause?: RegistryError): RegistryError {
    const challenges = this.#hooks.challenge.call([], access, cause);
    const known = cause?.code === 'UNAUTHORIZED' ? cause : undefined;
    return new RegistryError('UNAUTHORIZED', known?.message, {
      details: known === undefined || known.details.length === 0 ? access : known.details,
      headers: challenges.length === 0 ? {} : { 'www-authenticate': challenges.join(', ') },
      cause,
    });
  }
}

/** A token that none takes for its own is an invalid one to the client that shows it (RFC 6750 section 3.1). */
function unknownCredentials({ bearer }: AuthRequest): RegistryError {
  const message = 'these credentials are not known here';
  if (bearer === undefined) return new RegistryError('UNAUTHORIZED', message);
  return new BearerRefusals().refuse('invalid_token', message);
}

/** Plugins need not be TypeScript: whoever answers `null` has not said who is asking. */
function isIdentity(found: unknown): found is Identity {
  return (
    typeof found === 'object' && found !== null && 'subject' in found && typeof found.subject === 'string'
  );
}

function named(identity: Identity): Identity | undefined {
  return identity.anonymous === true ? undefined : identity;
}

async function areAllTrue(
  limits: readonly ((repository: string) => boolean | Promise<boolean>)[],
  repository: string,
): Promise<boolean> {
  for (const shows of limits) {
    const opinion: unknown = await shows(repository);
    if (opinion !== true) return false;
  }
  return true;
}
