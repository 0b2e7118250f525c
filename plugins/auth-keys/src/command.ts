import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import type { StorageDriver } from '@entrepot/plugin-sdk';
import { describe, type KeyDescription } from './key-record.ts';
import { makeKey, ownerMistake, robotNamed } from './key-request.ts';
import { KeyStore } from './key-store.ts';
import { KEY_ID } from './key-text.ts';

/** What the command needs of who runs it. */
export interface CommandParts {
  /** Opens the storage of the registry. Not called for questions that make no sense. */
  readonly open: () => Promise<{ readonly driver: StorageDriver; readonly close: () => Promise<void> }>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const USAGE = `Usage: registry keys create NAME [--robot] [--name <name>] [--repository <pattern>]... [--action <action>]...
                                 [--days <number>] [--group <group>]...
       registry keys list [NAME] [--json]
       registry keys revoke ID...
       registry keys revoke --owner NAME

Makes, lists and revokes the keys that people and robots log in with. The key goes to standard output, once.

  -c, --config <file>     configuration file (default: registry.config.* in the current folder)
  --robot                 NAME is a robot; it logs in as robot-NAME, and has the rights of its keys and no others
  --name <name>           what the key is called in lists (default: key)
  --repository <pattern>  where it may be used, such as 'team/**' (default: everywhere)
  --action <action>       what it may be used for: pull, push, delete, catalog or * (default: pull)
  --days <number>         days for which it is good (default: 90)
  --group <group>         a group of its owner, for rules about groups
  --owner <name>          revoke all keys of that name
  --json                  a line of JSON for each key
`;

const options = {
  robot: { type: 'boolean', default: false },
  name: { type: 'string', default: 'key' },
  repository: { type: 'string', multiple: true, default: ['**'] },
  action: { type: 'string', multiple: true, default: ['pull'] },
  days: { type: 'string', default: '90' },
  group: { type: 'string', multiple: true, default: [] },
  owner: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof flagsIn>['values'];

/** As many as anybody wants; years beyond that are a mistake. */
const MAX_DAYS = 3650;

/** The command `keys`: `args` are what stands behind that word. Gives the exit code. */
export async function keys(args: readonly string[], parts: CommandParts): Promise<number> {
  const { stdout, stderr, open } = parts;
  try {
    const { values, positionals } = flagsIn(args);
    if (values.help) {
      stdout.write(USAGE);
      return 0;
    }
    const work = workFor(positionals, values, parts);
    if (work === undefined) {
      stderr.write(USAGE);
      return 1;
    }
    const { driver, close } = await open();
    try {
      await work(new KeyStore(driver));
    } finally {
      await close();
    }
    return 0;
  } catch (error) {
    stderr.write(`keys: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function flagsIn(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options });
}

/** What is to be done; undefined for what makes no sense. @throws Error that says what is wrong with a flag. */
function workFor(
  [verb, ...names]: readonly string[],
  flags: Flags,
  { stdout, stderr }: CommandParts,
): ((store: KeyStore) => Promise<void>) | undefined {
  const [name] = names;
  const say = (text: string): void => void stderr.write(`${text}\n`);
  if (verb === 'create' && name !== undefined && names.length === 1) {
    const { text, record } = requested(name, flags);
    return async (store) => {
      await store.create(record);
      say(`${record.owner} has the key ${record.id} until ${dayOf(record.expires)}; it is not shown again.`);
      stdout.write(`${text}\n`);
    };
  }
  if (verb === 'list' && names.length <= 1)
    return async (store) => {
      for await (const record of store.list(name))
        stdout.write(`${flags.json ? JSON.stringify(describe(record)) : lineFor(describe(record))}\n`);
    };
  if (verb === 'revoke' && names.length > 0 && flags.owner === undefined) {
    const wrong = names.find((id) => !KEY_ID.test(id));
    if (wrong !== undefined) throw new Error(`'${wrong}' is no id of a key; 'registry keys list' shows them`);
    return (store) => revoke(store, names, say);
  }
  const { owner } = flags;
  if (verb === 'revoke' && names.length === 0 && owner !== undefined)
    return (store) => revokeAll(store, owner, say);
  return undefined;
}

function requested(name: string, flags: Flags): ReturnType<typeof makeKey> {
  const owner = flags.robot ? robotNamed(name) : name;
  const mistake = ownerMistake(owner);
  if (mistake !== undefined) throw new Error(mistake);
  const days = /^\d{1,4}$/.test(flags.days) ? Number(flags.days) : 0;
  if (days < 1 || days > MAX_DAYS) throw new Error(`--days is to be a number from 1 to ${MAX_DAYS}`);
  const scopes = [{ repositories: flags.repository, actions: flags.action }];
  const parties = { owner, isRobot: flags.robot, groups: flags.group, createdBy: 'registry keys' };
  return makeKey({ name: flags.name, scopes, days }, parties, Date.now());
}

async function revoke(store: KeyStore, ids: readonly string[], say: (text: string) => void): Promise<void> {
  for (const id of ids) {
    const owner = await store.ownerOf(id);
    if (owner === undefined || !(await store.revoke(owner, id))) throw new Error(`there is no key ${id}`);
    say(`the key ${id} of ${owner} is revoked`);
  }
}

async function revokeAll(store: KeyStore, owner: string, say: (text: string) => void): Promise<void> {
  let revoked = 0;
  for await (const { id } of store.list(owner)) if (await store.revoke(owner, id)) revoked += 1;
  say(`${revoked} keys of ${owner} are revoked`);
}

function lineFor({ id, owner, name, scopes, expires, used }: KeyDescription): string {
  const isOver = expires <= Date.now();
  const rights = scopes.map(({ repositories, actions }) => `${actions.join()} ${repositories.join()}`);
  return [
    id,
    owner,
    name,
    `${isOver ? 'expired' : 'expires'} ${dayOf(expires)}`,
    used === undefined ? 'never used' : `used ${dayOf(used)}`,
    rights.join('; '),
  ].join('  ');
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
