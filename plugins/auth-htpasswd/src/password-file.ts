import type { Logger } from '@entrepot/plugin-sdk';
import { WatchedFile } from '@entrepot/plugin-sdk/access';
import { parseUserList, type UserList } from './user-list.ts';

/** The most bytes a file may have: some 100,000 users. */
const MAX_BYTES = 8 * 1024 ** 2;

/** What stands in an htpasswd file. */
export interface Passwords {
  readonly users: UserList;
  /** The hashes of all users, in the order of the file. */
  readonly hashes: readonly string[];
}

/** The htpasswd file at `path`. */
export function passwordFile(path: string, log: Logger): WatchedFile<Passwords> {
  const parse = (text: string): Passwords => {
    const users = parseUserList(text);
    return { users, hashes: [...users.values()] };
  };
  return new WatchedFile({ path, what: 'the password file', maxBytes: MAX_BYTES, parse, log });
}
