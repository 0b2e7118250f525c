import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { hashPassword, MAX_PASSWORD_BYTES } from './bcrypt.ts';
import { parseUserList } from './user-list.ts';

export interface NewPassword {
  readonly name: string;
  readonly password: string;
  /** bcrypt takes 2^cost rounds. */
  readonly cost: number;
}

/**
 * Gives a user a password in the htpasswd file at `path`, which is made when it is absent. Gives whether the user is new.
 *
 * The new file is written beside the old one, synced, and renamed over it: readers and a crash meet the one or the
 * other, whole. The name beside it is created exclusively and so a lock as well: two who add users at once lose none.
 * @throws Error that says what is wrong with the name, the password or the file; the file is as it was then.
 */
export async function setPassword(path: string, { name, password, cost }: NewPassword): Promise<boolean> {
  const mistake = nameMistake(name) ?? passwordMistake(password);
  if (mistake !== undefined) throw new Error(mistake);
  const hash = await hashPassword(password, cost);
  const beside = `${path}.new`;
  const mode = (await stat(path).catch(ignoreAbsent))?.mode ?? 0o600;
  const file = await open(beside, 'wx', mode & 0o777).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
    throw new Error(`${beside} is there: somebody else changes the users, or died over it; then remove it`, {
      cause: error,
    });
  });
  try {
    const before = (await readFile(path, 'utf8').catch(ignoreAbsent)) ?? '';
    const isNew = !parseUserList(before).has(name);
    await file.writeFile(withUser(before, name, hash));
    await file.sync();
    await rename(beside, path);
    return isNew;
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** The other lines stay as they are, comments included. */
function withUser(text: string, name: string, hash: string): string {
  const line = `${name}:${hash}`;
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const place = lines.findIndex((each) => each.startsWith(`${name}:`));
  if (place === -1) lines.push(line);
  else lines[place] = line;
  return `${lines.join('\n')}\n`;
}

function nameMistake(name: string): string | undefined {
  if (name !== '' && name.length <= 255 && !/[:\p{Cc}]/u.test(name) && !/^[#\s]|\s$/u.test(name))
    return undefined;
  return 'a name has up to 255 characters and no colon, does not begin with #, and has no space at its ends';
}

function passwordMistake(password: string): string | undefined {
  if (password === '') return 'the password is empty';
  if (/\p{Cc}/u.test(password)) return 'the password has control characters, which clients cannot send';
  return Buffer.byteLength(password) > MAX_PASSWORD_BYTES
    ? `the password is longer than ${MAX_PASSWORD_BYTES} bytes, and bcrypt looks at no more`
    : undefined;
}

function ignoreAbsent(error: unknown): undefined {
  if (!isCode(error, 'ENOENT')) throw error;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
