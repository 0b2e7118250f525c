import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'entrepot_';
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const LETTERS = `${DIGITS}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;
const ID_LENGTH = 12;
/** 190 bits: nobody guesses that, so a fast hash is enough to keep it under. */
const SECRET_LENGTH = 32;
const CHECK_LENGTH = 6;
const TEXT = /^entrepot_([0-9a-z]{12})_[0-9a-zA-Z]{38}$/;

/** What the ids of keys look like. */
export const KEY_ID = /^[0-9a-z]{12}$/;

/** A new key, as its owner gets it once. */
export interface NewKey {
  readonly id: string;
  /** The key itself: letters, digits and `_`, so that no shell, URL or file changes it. */
  readonly text: string;
}

/**
 * Makes a key: `entrepot_<id>_<secret><checksum>`. By prefix and checksum a scanner knows one that was published, and
 * a mistyped one is refused without asking the storage.
 */
export function newKey(): NewKey {
  const id = randomText(DIGITS, ID_LENGTH);
  const body = `${PREFIX}${id}_${randomText(LETTERS, SECRET_LENGTH)}`;
  return { id, text: body + checksum(body) };
}

/** Whether somebody means this to be a key, be it a good one or not. */
export function isMeantAsKey(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** The id in a key; undefined when it is mistyped. */
export function idOf(text: string): string | undefined {
  const [, id] = TEXT.exec(text) ?? [];
  return text.slice(-CHECK_LENGTH) === checksum(text.slice(0, -CHECK_LENGTH)) ? id : undefined;
}

/**
 * What is kept of a key: its SHA-256. Slow hashes are for passwords that people choose and others guess; nobody guesses
 * a key, and each request that shows one pays for the hash.
 */
export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** CRC-32 in six letters: 62^6 is more than 2^32. */
function checksum(text: string): string {
  let [rest, letters] = [crc32(text), ''];
  while (letters.length < CHECK_LENGTH) {
    letters = `${LETTERS[rest % LETTERS.length] ?? ''}${letters}`;
    rest = Math.floor(rest / LETTERS.length);
  }
  return letters;
}
