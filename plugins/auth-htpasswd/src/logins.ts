import { createHmac, randomBytes } from 'node:crypto';
import { RegistryError, type AuthRequest, type Identity, type Logger } from '@entrepot/plugin-sdk';
import type { BcryptQueue } from './bcrypt.ts';
import { networkOf, type GuessLimit } from './guess-limit.ts';
import type { Passwords } from './password-file.ts';
import type { Recent } from './recent.ts';

export interface LoginParts {
  /** What stands in the file at the moment. */
  readonly file: { readonly content: Passwords | undefined };
  readonly bcrypt: Pick<BcryptQueue, 'matches'>;
  /** Wrong guesses of one name from one address: who guesses elsewhere locks nobody out. */
  readonly perAccount: GuessLimit;
  /** Wrong guesses from one address, whatever the names. */
  readonly perAddress: GuessLimit;
  readonly right: Recent;
  readonly wrong: Recent;
  /** Waits so many milliseconds. */
  readonly delay: (milliseconds: number) => Promise<unknown>;
  readonly log: Logger;
}

export type LoginRequest = Required<Pick<AuthRequest, 'basic'>> & Pick<AuthRequest, 'address' | 'requestId'>;

/** Milliseconds until a refusal goes out that costs nothing, so that a flood of them costs nothing either. */
const HOLD = 1000;
/** The most refusals that are held at a time; others go out at once. */
const MAX_HELD = 256;
const MAX_NAME = 255;
/** RFC 7617, 2: neither name nor password has any. To bcrypt `a` and `a NUL a` are the same. */
const CONTROL_CHARACTERS = /\p{Cc}/u;
/** Of a password that nobody knows, for an empty file. */
const NOBODY = '$2b$10$viaU8DuBx..TTwGan69Ac.rS/bp1Y292waNja8JF5Gc6skmaaJuWe';

/**
 * Says whose name and password these are. A password that was right or wrong a moment ago is known by a keyed hash of
 * which the hash in the file is part, so that a new password counts at once; everything else costs one bcrypt, for
 * names that do not exist as well.
 */
export class Logins {
  readonly #parts: LoginParts;
  readonly #key = randomBytes(32);
  /** Checks that are running: the same credentials at the same time are checked once. */
  readonly #checks = new Map<string, Promise<boolean>>();
  #held = 0;

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  /**
   * @throws RegistryError `UNAUTHORIZED` when name or password are wrong, without saying which; `TOOMANYREQUESTS` with
   *   `Retry-After` when there were too many wrong ones, or too many wait for an answer.
   */
  async identify({ basic, address, requestId }: LoginRequest): Promise<Identity> {
    const { username, password } = basic;
    const { file, right, wrong, log } = this.#parts;
    const hash = file.content?.users.get(username);
    const id = this.#idOf(hash ?? '', username, password);
    if (right.has(id)) return { subject: username };
    if (!wrong.has(id)) {
      let check = this.#checks.get(id);
      if (check === undefined) {
        check = this.#check(hash, username, password, networkOf(address)).finally(() => {
          this.#checks.delete(id);
        });
        this.#checks.set(id, check);
      }
      if (await check) {
        right.add(id);
        return { subject: username };
      }
      wrong.add(id);
    } else await this.#hold();
    log.warn({ reqId: requestId, user: username.slice(0, MAX_NAME), address }, 'a login was refused');
    throw new RegistryError('UNAUTHORIZED', 'the name or the password is wrong');
  }

  async #check(
    hash: string | undefined,
    username: string,
    password: string,
    network: string,
  ): Promise<boolean> {
    const { bcrypt, perAccount, perAddress } = this.#parts;
    const account = `${network} ${createHmac('sha256', this.#key).update(username).digest('base64')}`;
    const wait = perAddress.take(network);
    if (wait !== undefined) {
      await this.#hold();
      throw tooMany(wait);
    }
    const accountWait = perAccount.take(account);
    const giveBack = (): void => {
      perAddress.giveBack(network);
      if (accountWait === undefined) perAccount.giveBack(account);
    };
    if (accountWait !== undefined) {
      giveBack();
      await this.#hold();
      throw tooMany(accountWait);
    }
    const sane = isSane(username, password);
    try {
      const matches = await bcrypt.matches(
        password,
        hash !== undefined && sane ? hash : this.#decoy(username),
      );
      const isRight = matches && hash !== undefined && sane;
      if (isRight) giveBack();
      return isRight;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #hold(): Promise<void> {
    if (this.#held >= MAX_HELD) return;
    this.#held += 1;
    await this.#parts.delay(HOLD);
    this.#held -= 1;
  }

  /** The hash of somebody, always the same for a name: names that do not exist take as long as those that do. */
  #decoy(username: string): string {
    const hashes = this.#parts.file.content?.hashes ?? [];
    const number = createHmac('sha256', this.#key).update(`decoy ${username}`).digest().readUInt32BE();
    return hashes[number % Math.max(1, hashes.length)] ?? NOBODY;
  }

  #idOf(hash: string, username: string, password: string): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of [hash, username, password]) hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    return hmac.digest('base64');
  }
}

function isSane(username: string, password: string): boolean {
  return (
    username.length <= MAX_NAME && !CONTROL_CHARACTERS.test(username) && !CONTROL_CHARACTERS.test(password)
  );
}

function tooMany(milliseconds: number): RegistryError {
  return new RegistryError('TOOMANYREQUESTS', 'too many wrong passwords; try again later', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(milliseconds / 1000))) },
  });
}
