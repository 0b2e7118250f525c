/** Names and their bcrypt hashes. */
export type UserList = ReadonlyMap<string, string>;

/** The most a hash may cost: 2^14 rounds take a core for a second. */
const MAX_COST = 14;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const REMEDY = "only bcrypt is taken; make the line anew with 'registry htpasswd add'";

/**
 * Reads `name:hash` lines; empty ones and those that begin with `#` are left out.
 * @throws Error with the number of each line that is no such one and what to do. No hash is part of a message.
 */
export function parseUserList(text: string): UserList {
  const users = new Map<string, string>();
  const mistakes: string[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.trimEnd();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const [name, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    const mistake = colon < 1 ? "it is not 'name:hash'" : (hashMistake(hash) ?? repeated(users, name));
    if (mistake !== undefined) mistakes.push(`line ${index + 1}: ${mistake}`);
    users.set(name, hash);
  }
  if (mistakes.length > 0) throw new Error(mistakes.slice(0, 10).join('; '));
  return users;
}

function hashMistake(hash: string): string | undefined {
  const cost = BCRYPT.exec(hash)?.[1];
  if (cost === undefined) return `the password is kept as ${kindOf(hash)}, and ${REMEDY}`;
  if (Number(cost) >= 4 && Number(cost) <= MAX_COST) return undefined;
  return `the hash has a cost of ${Number(cost)}, and 4 to ${MAX_COST} are taken; make the line anew`;
}

function kindOf(hash: string): string {
  if (hash.startsWith('$apr1$')) return 'Apache MD5 ($apr1$)';
  if (hash.startsWith('{SHA}')) return 'SHA-1 ({SHA})';
  if (/^\$[156]\$/.test(hash)) return `crypt (${hash.slice(0, 3)})`;
  if (hash.startsWith('$2')) return 'a bcrypt hash that is damaged';
  return 'crypt, plain text or something unknown';
}

function repeated(users: UserList, name: string): string | undefined {
  return users.has(name) ? 'the name stands on an earlier line already; remove one of them' : undefined;
}
