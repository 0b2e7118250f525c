import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { bodyOf, drop, send, type Answer } from './exchange.ts';

interface Token {
  readonly value: string;
  /** Milliseconds of the clock that only goes forward. */
  readonly until: number;
}

/** Seconds a token lasts that does not say so (distribution-spec of tokens, "expires_in"). */
const LASTS = 60;
/** Seconds before its end in which a token is not used any more. */
const MARGIN = 10;
const TOKENS = 1000;

/** Who asks one registry, and what it wants to know for that. Tokens are kept for as long as they last. */
export class RegistryAccess {
  readonly #credentials: Credentials | undefined;
  readonly #isSecure: boolean;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;

  /** `isSecure`: the registry is asked by HTTPS. */
  constructor(credentials: Credentials | undefined, isSecure: boolean) {
    this.#credentials = credentials;
    this.#isSecure = isSecure;
  }

  /** What goes with a request for this scope, `repository:team/app:pull`. */
  async headers(scopes: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const challenge = this.#challenge;
    if (challenge === undefined) return {};
    if (challenge.scheme === 'basic') return this.#basic();
    const name = scopes.join(' ');
    const known = await this.#tokens.get(name);
    const token =
      known !== undefined && known.until > performance.now() ? known : await this.#fetch(name, scopes);
    return { authorization: `Bearer ${token.value}` };
  }

  /** Learns from a 401 what to do. Whether asking again is worth it. */
  learn(answer: Answer, scopes: readonly string[]): boolean {
    const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
    const challenge =
      challenges.find(({ scheme }) => scheme === 'bearer') ??
      challenges.find(({ scheme }) => scheme === 'basic');
    if (challenge === undefined || (challenge.scheme === 'basic' && this.#credentials === undefined))
      return false;
    this.#challenge = challenge;
    this.#tokens.delete(scopes.join(' '));
    return true;
  }

  #fetch(name: string, scopes: readonly string[]): Promise<Token> {
    const fetched = this.#ask(scopes);
    if (this.#tokens.size >= TOKENS) this.#tokens.clear();
    this.#tokens.set(name, fetched);
    fetched.catch(() => this.#tokens.delete(name));
    return fetched;
  }

  async #ask(scopes: readonly string[]): Promise<Token> {
    const realm = this.#challenge?.parameters.get('realm') ?? '';
    const service = this.#challenge?.parameters.get('service');
    const url = URL.parse(realm);
    if (url === null) throw new Error(`'${realm}' is no address of a token server`);
    // What was kept from those who listen is not told to them by another way.
    if (this.#isSecure && url.protocol !== 'https:' && this.#credentials !== undefined)
      throw new Error(
        `the token server ${url.host} is not asked with credentials: it is not reached by HTTPS`,
      );
    const answer = await this.#askAt(url, service, scopes);
    if (answer.statusCode !== 200) {
      drop(answer);
      throw new Error(`the token server ${url.host} answered ${answer.statusCode}`);
    }
    const said: unknown = JSON.parse((await bodyOf(answer)).toString('utf8'));
    const {
      token,
      access_token: other,
      expires_in: lasts,
    }: Partial<Record<string, unknown>> = typeof said === 'object' && said !== null ? { ...said } : {};
    const value = token ?? other;
    if (typeof value !== 'string' || value === '')
      throw new Error(`the token server ${url.host} gave no token`);
    const seconds = typeof lasts === 'number' ? lasts : LASTS;
    return { value, until: performance.now() + (seconds - MARGIN) * 1000 };
  }

  #askAt(url: URL, service: string | undefined, scopes: readonly string[]): Promise<Answer> {
    const credentials = this.#credentials;
    if (credentials !== undefined && 'refreshToken' in credentials) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: credentials.refreshToken,
        client_id: 'entrepot',
        scope: scopes.join(' '),
        ...(service === undefined ? {} : { service }),
      });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return send({ method: 'POST', url, headers, body: Buffer.from(form.toString()) });
    }
    const asked = new URL(url);
    if (service !== undefined) asked.searchParams.set('service', service);
    for (const scope of scopes) asked.searchParams.append('scope', scope);
    return send({ method: 'GET', url: asked, headers: this.#basic() });
  }

  #basic(): Readonly<Record<string, string>> {
    const credentials = this.#credentials;
    if (credentials === undefined || 'refreshToken' in credentials) return {};
    const { user, password } = credentials;
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }
}
