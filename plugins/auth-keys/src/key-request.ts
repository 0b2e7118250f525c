import type { Scope } from '@entrepot/plugin-sdk';
import { isAction, isTexts, type KeyRecord } from './key-record.ts';
import { hashOf, newKey } from './key-text.ts';

/** What somebody asks for who wants a key; nothing of it is trusted. */
export interface KeyRequest {
  readonly name: unknown;
  readonly scopes: unknown;
  /** Days after which the key is good no more. */
  readonly days: unknown;
}

/** For whom a key is made, and by whom. */
export interface KeyParties {
  readonly owner: string;
  readonly isRobot: boolean;
  readonly groups: readonly string[];
  readonly createdBy: string;
}

/** What is wrong with a request for a key, for who has sent it to read. */
export class KeyRequestInvalid extends Error {
  override readonly name = 'KeyRequestInvalid';
}

const DAY = 86_400_000;
/** What names of keys and robots look like: no shell, URL or file changes them. */
const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const PATTERN = /^[a-z0-9*._/-]{1,255}$/;
const MAX_SCOPES = 20;
const MAX_PATTERNS = 50;
const ROBOT = 'robot-';

/** The name that a robot logs in with. @throws KeyRequestInvalid for a name that no robot can have. */
export function robotNamed(name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return `${ROBOT}${name}`;
  throw new KeyRequestInvalid(`the name of a robot has ${NAME_RULE}`);
}

/** Names that are for robots alone. */
export function isRobotName(subject: string): boolean {
  return subject.startsWith(ROBOT);
}

/**
 * Why nobody can log in with this name and a key; undefined when one can. Some who authenticate have names that no
 * `Authorization: Basic` can carry.
 */
export function ownerMistake(subject: string): string | undefined {
  if (subject === '' || Buffer.byteLength(subject) > 120 || /[:\p{Cc}]/u.test(subject))
    return 'a name that keys are for has 1 to 120 bytes, no colon and no control characters';
  return undefined;
}

/** A key that was made as asked for, and its record; the key is nowhere else. `now` in milliseconds since 1970. */
export function makeKey(
  request: KeyRequest,
  parties: KeyParties,
  now: number,
): { readonly text: string; readonly record: KeyRecord } {
  const { name, scopes, days } = request;
  if (typeof name !== 'string' || !NAME.test(name)) throw new KeyRequestInvalid(`the name has ${NAME_RULE}`);
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 1)
    throw new KeyRequestInvalid('days is a whole number of at least 1');
  const checked = scopesIn(scopes);
  const { id, text } = newKey();
  const hash = hashOf(text).toString('base64url');
  const times = { created: now, expires: now + days * DAY, used: undefined };
  return { text, record: { id, name, ...parties, scopes: checked, hash, ...times } };
}

const NAME_RULE =
  'up to 63 small letters, digits, dots, dashes and underscores, with a letter or digit at both ends';

/** Who may push needs to pull as well: clients ask what is there before they send it. */
function scopesIn(value: unknown): readonly Scope[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_SCOPES)
    throw new KeyRequestInvalid(`scopes is a list of 1 to ${MAX_SCOPES} scopes`);
  const entries: readonly unknown[] = value;
  return entries.map((entry) => {
    const { repositories, actions } = membersOf(entry);
    if (!isTexts(repositories) || repositories.length === 0 || repositories.length > MAX_PATTERNS)
      throw new KeyRequestInvalid(`a scope has repositories, a list of 1 to ${MAX_PATTERNS} patterns`);
    const wrong = repositories.find((pattern) => !PATTERN.test(pattern));
    if (wrong !== undefined)
      throw new KeyRequestInvalid(
        `${JSON.stringify(wrong.slice(0, 100))} is no pattern; write it like team/**`,
      );
    if (!Array.isArray(actions) || actions.length === 0 || !actions.every(isAction))
      throw new KeyRequestInvalid('a scope has actions, a list of pull, push, delete, catalog or *');
    const allowed: Scope['actions'] = actions.includes('push') ? ['pull', ...actions] : actions;
    return { repositories, actions: [...new Set(allowed)] };
  });
}

function membersOf(value: unknown): { readonly repositories: unknown; readonly actions: unknown } {
  const members = new Map<string, unknown>(
    typeof value === 'object' && value !== null ? Object.entries(value) : [],
  );
  const [repositories, actions] = [members.get('repositories'), members.get('actions')];
  const unknown = [...members.keys()].find((name) => name !== 'repositories' && name !== 'actions');
  if (unknown !== undefined)
    throw new KeyRequestInvalid(`a scope has repositories and actions, and no ${JSON.stringify(unknown)}`);
  return { repositories, actions };
}
