import {
  isRegistryError,
  RegistryError,
  type Access,
  type AuthRequest,
  type Hooks,
  type Identity,
} from '@entrepot/plugin-sdk';
import { parseAuthorization } from '../http/credentials.ts';
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

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
    this.isOpen = !hooks.authenticate.isUsed() && !hooks.authorize.isUsed();
  }

  /**
   * Who is asking, if they may do all of `access`.
   * @throws RegistryError `UNAUTHORIZED` with the challenges when nobody has said who they are, `DENIED` when they have.
   */
  async admit(context: RequestContext, access: readonly Access[]): Promise<Identity | undefined> {
    const { requestId, method, address } = context;
    const credentials = parseAuthorization(context.header('authorization'));
    const identity = await this.#authenticate({ requestId, method, address, access, ...credentials });
    context.identity = identity;
    if (await this.permits(identity, access, address)) return identity;
    if (identity === undefined) throw this.#unauthorized(access);
    throw new RegistryError('DENIED', undefined, { details: access });
  }

  /** Whether `identity` may do all of `access`. */
  async permits(
    identity: Identity | undefined,
    access: readonly Access[],
    address: string,
  ): Promise<boolean> {
    if (this.isOpen) return true;
    if (!this.#hooks.authorize.isUsed()) return identity !== undefined;
    // `GET /v2/` needs no right: it tells a client whether its credentials are good.
    if (access.length === 0) return identity !== undefined || !this.#hooks.authenticate.isUsed();
    const opinion: unknown = await this.#hooks.authorize.promise({ identity, access, address });
    return opinion === true;
  }

  async #authenticate(request: AuthRequest): Promise<Identity | undefined> {
    if (!this.#hooks.authenticate.isUsed()) return undefined;
    try {
      const found: unknown = await this.#hooks.authenticate.promise(request);
      return isIdentity(found) ? found : undefined;
    } catch (error) {
      throw isRegistryError(error) && error.code === 'UNAUTHORIZED'
        ? this.#unauthorized(request.access, error)
        : error;
    }
  }

  #unauthorized(access: readonly Access[], cause?: RegistryError): RegistryError {
    const challenges = this.#hooks.challenge.call([], access);
    return new RegistryError('UNAUTHORIZED', cause?.message, {
      details: cause?.details ?? access,
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
