import { isRegistryError, RegistryError, type Identity, type Logger } from '@entrepot/plugin-sdk';
import { isPlausible, type Credentials, type PasswordCheck } from '@entrepot/plugin-sdk/access';
import type { FoundEntry, Query } from './connection.ts';
import { DistinguishedName } from './distinguished-name.ts';
import { filledIn, filterValue, nameValue } from './escaping.ts';
import type { Options } from './options.ts';

/** More groups than rules are written about. */
const MAX_GROUPS = 1000;
/** Nobody: what is bound when there is no such user, so that this takes as long. */
const NOBODY = 'cn=entrepot-nobody';

/** Where in the directory users and groups are. */
export type Layout = Pick<
  Options,
  | 'bindDn'
  | 'bindPassword'
  | 'userDn'
  | 'userBase'
  | 'userFilter'
  | 'nameAttribute'
  | 'groupBase'
  | 'groupFilter'
  | 'groupAttribute'
  | 'memberOf'
>;

/** What is asked over a connection. */
export interface DirectoryConnection {
  bind(dn: string, password: string): Promise<boolean>;
  search(query: Query): Promise<readonly FoundEntry[]>;
}

export interface DirectoryParts {
  /** Gives `work` a connection for itself. */
  readonly use: <Result>(work: (connection: DirectoryConnection) => Promise<Result>) => Promise<Result>;
  readonly layout: Layout;
  readonly log: Logger;
}

/** Users, passwords and groups of an LDAP directory: the password is good when the directory lets the user in with it. */
export class Directory implements PasswordCheck {
  readonly #parts: DirectoryParts;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
  }

  /** Names of directories have no case, and spaces count once. */
  accountOf(username: string): string {
    return folded(username);
  }

  /**
   * An empty password is refused here: directories take it for a stranger's, and let everybody in (RFC 4513 section
   * 5.1.2).
   */
  async identify(credentials: Credentials): Promise<Identity | undefined> {
    const { username, password } = credentials;
    if (!isPlausible(credentials) || password === '' || folded(username) === '') return undefined;
    const { use, log } = this.#parts;
    try {
      return await use((connection) => this.#identify(connection, username, password));
    } catch (error) {
      if (isRegistryError(error)) throw error;
      log.error({ err: error }, 'the directory could not be asked');
      throw new RegistryError(
        'UNAVAILABLE',
        'the directory that knows passwords cannot be asked; try again',
        {
          headers: { 'retry-after': '5' },
          cause: error,
        },
      );
    }
  }

  /** Whether it can be asked at all. @throws Error that says why not. */
  async probe(): Promise<void> {
    const { use, layout } = this.#parts;
    const asksAsUser = layout.userDn !== undefined && layout.bindDn === undefined;
    await use(async (connection) => (asksAsUser ? undefined : this.#bindAsReader(connection)));
  }

  /** Goes on as who looks for users and groups. @throws Error when the directory does not let them in. */
  async #bindAsReader(connection: DirectoryConnection): Promise<void> {
    const { bindDn = '', bindPassword = '' } = this.#parts.layout;
    if (!(await connection.bind(bindDn, bindPassword)))
      throw new Error(bindDn === '' ? 'the directory wants a bindDn' : `the directory refuses ${bindDn}`);
  }

  async #identify(
    connection: DirectoryConnection,
    username: string,
    password: string,
  ): Promise<Identity | undefined> {
    const { layout } = this.#parts;
    const dn = layout.userDn === undefined ? await this.#find(connection, username) : undefined;
    const target = layout.userDn === undefined ? dn : filledIn(layout.userDn, { user: username }, nameValue);
    const isRight = await connection.bind(target ?? NOBODY, password);
    if (!isRight || target === undefined) return undefined;
    if (layout.bindDn !== undefined) await this.#bindAsReader(connection);
    const attributes = [layout.nameAttribute, ...(layout.memberOf ? ['memberOf'] : [])];
    const query = { base: target, scope: 'base', filter: '(objectClass=*)', attributes } as const;
    const [entry] = await connection.search(query);
    const subject = entry === undefined ? undefined : nameOf(entry, layout.nameAttribute, username);
    if (entry === undefined || subject === undefined)
      throw new Error(`the attribute ${layout.nameAttribute} of ${target} does not say who it is`);
    const groups = layout.memberOf
      ? groupsOf(entry, layout.groupBase)
      : await this.#findGroups(connection, target, username);
    if (groups.length > MAX_GROUPS) throw new Error(`${target} is in more than ${MAX_GROUPS} groups`);
    return { subject, groups };
  }

  /** The name of the one entry; undefined when there is none. @throws Error when there are several. */
  async #find(connection: DirectoryConnection, username: string): Promise<string | undefined> {
    const { userBase = '', userFilter } = this.#parts.layout;
    await this.#bindAsReader(connection);
    const filter = filledIn(userFilter, { user: username }, filterValue);
    const found = await connection.search({
      base: userBase,
      scope: 'sub',
      filter,
      attributes: ['1.1'],
      limit: 2,
    });
    if (found.length > 1) throw new Error(`${filter} finds several entries below ${userBase}`);
    return found[0]?.dn;
  }

  async #findGroups(connection: DirectoryConnection, dn: string, user: string): Promise<readonly string[]> {
    const { groupBase, groupFilter, groupAttribute } = this.#parts.layout;
    if (groupBase === undefined) return [];
    const filter = filledIn(groupFilter, { dn, user }, filterValue);
    const attributes = [groupAttribute];
    const found = await connection.search({ base: groupBase, scope: 'sub', filter, attributes });
    return found.flatMap((entry) => entry.valuesOf(groupAttribute));
  }
}

/** How the directory spells the name, so that rules about it cannot be evaded by another spelling. */
function nameOf(entry: FoundEntry, attribute: string, username: string): string | undefined {
  const names = entry.valuesOf(attribute);
  return names.length === 1 ? names[0] : names.find((name) => folded(name) === folded(username));
}

function groupsOf(entry: FoundEntry, groupBase = ''): readonly string[] {
  const base = new DistinguishedName(groupBase);
  const names = entry.valuesOf('memberOf').map((dn) => new DistinguishedName(dn));
  return names.filter((name) => name.isBelow(base)).map(({ leaf }) => leaf);
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ');
}
