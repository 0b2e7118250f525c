import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthRequest, Identity } from '../auth.ts';
import { RegistryError } from '../errors.ts';
import type { Logger } from '../plugin.ts';
import { GuessLimit, networkOf } from './guess-limit.ts';
import type { LoginLimits } from './login-options.ts';
import { Recent } from './recent.ts';

/** A name and a password, as `Authorization: Basic` has them. */
export type Credentials = NonNullable<AuthRequest['basic']>;

/** What knows passwords: a file, a directory. */
export interface PasswordCheck {
  /**
   * Who it is when name and password are right, undefined when they are not; for names that do not exist it is to take
   * as long. Called once for the same credentials at the same time.
   * @throws RegistryError `UNAVAILABLE` when it cannot be found out.
   */
  identify(credentials: Credentials): Promise<Identity | undefined>;
  /** What else the answer depends on. Once it is another, nothing that was remembered of this name counts. */
  versionOf?(username: string): string;
  /** Under which name guesses are counted, where names that differ are of the same user. */
  accountOf?(username: string): string;
}

export interface LoginParts {
  readonly check: PasswordCheck;
  readonly limits: LoginLimits;
  readonly log: Logger;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** Waits so many milliseconds. */
  readonly delay?: (milliseconds: number) => Promise<unknown>;
}

export type LoginRequest = Required<Pick<AuthRequest, 'basic'>> & Pick<AuthRequest, 'address' | 'requestId'>;

const MAX_REMEMBERED = 10_000;
/** Milliseconds until a refusal goes out that costs nothing, so that a flood of them costs nothing either. */
const HOLD = 1000;
/** The most refusals that are held at a time; others go out at once. */
const MAX_HELD = 256;
const MAX_NAME = 255;
/** RFC 7617, 2: neither name nor password has any. To bcrypt `a` and `a NUL a` are the same. */
const CONTROL_CHARACTERS = /\p{Cc}/u;

/** Whether these can be a name and a password at all. */
export function isPlausible({ username, password }: Credentials): boolean {
  return (
    username.length <= MAX_NAME && !CONTROL_CHARACTERS.test(username) && !CONTROL_CHARACTERS.test(password)
  );
}

/**
 * Says whose name and password these are. What was right or wrong a moment ago is known by a keyed hash, whose key is made
 * anew by each process and never written; everything else costs a check, and wrong ones are counted.
 */
export class Logins {
  readonly #parts: LoginParts;
  /** Wrong guesses of one name from one address: who guesses elsewhere locks nobody out. */
  readonly #perAccount: GuessLimit;
  /** Wrong guesses from one address, whatever the names. */
  readonly #perAddress: GuessLimit;
  readonly #right: Recent<Identity>;
  readonly #wrong: Recent<true>;
  readonly #key = randomBytes(32);
  /** Checks that are running: the same credentials at the same time are checked once. */
  readonly #checks = new Map<string, Promise<Identity | undefined>>();
  #held = 0;

  constructor(parts: LoginParts) {
    const { limits, now = () => performance.now() } = parts;
    this.#parts = parts;
    const window = limits.guessWindowSeconds * 1000;
    this.#perAccount = new GuessLimit(limits.guessesPerAccount, window, now);
    this.#perAddress = new GuessLimit(limits.guessesPerAddress, window, now);
    this.#right = new Recent(limits.cacheSeconds * 1000, MAX_REMEMBERED, now);
    this.#wrong = new Recent(limits.cacheSeconds * 1000, MAX_REMEMBERED, now);
  }

  /**
   * @throws RegistryError `UNAUTHORIZED` when name or password are wrong, without saying which; `TOOMANYREQUESTS` with
   *   `Retry-After` when there were too many wrong ones, or too many wait for an answer; `UNAVAILABLE`.
   */
  async identify({ basic, address, requestId }: LoginRequest): Promise<Identity> {
    const { check, log } = this.#parts;
    const { username, password } = basic;
    const id = this.#hashOf(check.versionOf?.(username) ?? '', username, password);
    const known = this.#right.get(id);
    if (known !== undefined) return known;
    if (this.#wrong.get(id) === undefined) {
      let running = this.#checks.get(id);
      if (running === undefined) {
        running = this.#check(basic, networkOf(address)).finally(() => {
          this.#checks.delete(id);
        });
        this.#checks.set(id, running);
      }
      const identity = await running;
      if (identity !== undefined) {
        this.#right.set(id, identity);
        return identity;
      }
      this.#wrong.set(id, true);
    } else await this.#hold();
    log.warn({ reqId: requestId, user: username.slice(0, MAX_NAME), address }, 'a login was refused');
    throw new RegistryError('UNAUTHORIZED', 'the name or the password is wrong');
  }

  async #check(credentials: Credentials, network: string): Promise<Identity | undefined> {
    const { check } = this.#parts;
    const { username } = credentials;
    const account = `${network} ${this.#hashOf(check.accountOf?.(username) ?? username)}`;
    const wait = this.#perAddress.take(network);
    if (wait !== undefined) {
      await this.#hold();
      throw tooMany(wait);
    }
    const accountWait = this.#perAccount.take(account);
    const giveBack = (): void => {
      this.#perAddress.giveBack(network);
      if (accountWait === undefined) this.#perAccount.giveBack(account);
    };
    if (accountWait !== undefined) {
      giveBack();
      await this.#hold();
      throw tooMany(accountWait);
    }
    try {
      const identity = await check.identify(credentials);
      if (identity !== undefined) giveBack();
      return identity;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #hold(): Promise<void> {
    if (this.#held >= MAX_HELD) return;
    this.#held += 1;
    await (this.#parts.delay ?? wait)(HOLD);
    this.#held -= 1;
  }

  #hashOf(...parts: readonly string[]): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest('base64');
  }
}

function wait(milliseconds: number): Promise<unknown> {
  return sleep(milliseconds, undefined, { ref: false });
}

function tooMany(milliseconds: number): RegistryError {
  return new RegistryError('TOOMANYREQUESTS', 'too many wrong passwords; try again later', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(milliseconds / 1000))) },
  });
}
