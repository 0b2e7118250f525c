import {
  isRegistryError,
  RegistryError,
  type Access,
  type AuthorizeRequest,
  type AuthRequest,
  type Hooks,
  type Identity,
} from '@entrepot/plugin-sdk';
import { parseAuthorization } from '@entrepot/plugin-sdk/access';
import type { RequestContext } from '../http/request-context.ts';

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

  /** `exists` is handed to the taps of `authorize`. */
  constructor(hooks: Hooks, exists?: (repository: string) => Promise<boolean>) {
    this.#hooks = hooks;
    this.#exists = exists;
    this.isOpen = !hooks.authenticate.isUsed() && !hooks.authorize.isUsed();
  }

  /**
   * Who is asking, if they may do all of `access`. Credentials that no plugin knows are refused, also where everybody
   * may do what is asked: whoever mistypes a password hears so, and is not taken for a stranger.
   * @throws RegistryError `UNAUTHORIZED` with the challenges when nobody has said who they are, `DENIED` when they have.
   */
  async admit(context: RequestContext, access: readonly Access[]): Promise<Identity | undefined> {
    const { requestId, method, address, certificate } = context;
    const credentials = parseAuthorization(context.header('authorization'));
    const shown = certificate === undefined ? {} : { certificate };
    const identity = await this.identify({ requestId, method, address, access, ...shown, ...credentials });
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
    if (refusal === undefined) return identity;
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
   * @throws RegistryError `UNAUTHORIZED` with the challenges when the credentials are wrong or not known.
   */
  async identify(request: AuthRequest): Promise<Identity | undefined> {
    if (!this.#hooks.authenticate.isUsed()) return undefined;
    try {
      const found: unknown = await this.#hooks.authenticate.promise(request);
      if (isIdentity(found)) return found.anonymous === true ? undefined : found;
      if (request.basic === undefined && request.bearer === undefined) return undefined;
      throw new RegistryError('UNAUTHORIZED', 'these credentials are not known here');
    } catch (error) {
      throw isRegistryError(error) && error.code === 'UNAUTHORIZED'
        ? this.#unauthorized(request.access, error)
        : error;
    }
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

/** Plugins need not be TypeScript: whoever answers `null` has not said who is asking. */
function isIdentity(found: unknown): found is Identity {
  return (
    typeof found === 'object' && found !== null && 'subject' in found && typeof found.subject === 'string'
  );
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
