/** Any characters within a path component, or any number of components, none included. */
const ANY = Symbol('any');
/** Where the name of the user goes. */
const USER = Symbol('user');
/** Exactly one component, whatever it is. */
const ONE = Symbol('one');

type Character = string | typeof ANY | typeof USER;
type Component = readonly Character[] | typeof ANY | typeof ONE;

const USER_TEMPLATE = '${user}';
/** A component of a repository name, as the distribution-spec has it: a user called otherwise has no repository. */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/**
 * A pattern of repository names: `*` is any characters within a path component, `**` one or more components, and
 * `${user}` the name of who asks. Everything else stands for itself. Matching takes at most the product of both lengths.
 */
export class RepositoryGlob {
  readonly #components: readonly Component[];

  constructor(pattern: string) {
    this.#components = pattern
      .split('/')
      .flatMap((component): Component[] => (component === '**' ? [ONE, ANY] : [charactersOf(component)]));
  }

  /** `user` is undefined for who is not known: no pattern with a `${user}` matches then. */
  matches(repository: string, user: string | undefined): boolean {
    return follows(this.#components, repository.split('/'), (component, text) => {
      if (component === ONE) return true;
      const characters = withUser(component, user);
      return (
        characters !== undefined && follows(characters, Array.from(text), (wanted, given) => wanted === given)
      );
    });
  }
}

/** A pattern of the names of users, groups or values of claims: `*` is any characters. */
export function matchesText(pattern: string, text: string): boolean {
  const characters = Array.from(pattern).map((character) => (character === '*' ? ANY : character));
  return follows(characters, Array.from(text), (wanted, given) => wanted === given);
}

function charactersOf(component: string): Character[] {
  const parts = component.split(USER_TEMPLATE);
  return parts.flatMap((part, index) => {
    const characters = Array.from(part).map((character): Character => (character === '*' ? ANY : character));
    return index === 0 ? characters : [USER, ...characters];
  });
}

/** The name of a user is never read as a pattern, and never reaches over a slash. */
function withUser(characters: readonly Character[], user: string | undefined): Character[] | undefined {
  if (!characters.includes(USER)) return [...characters];
  if (user === undefined || !COMPONENT.test(user)) return undefined;
  return characters.flatMap((character) => (character === USER ? Array.from(user) : [character]));
}

/** Whether `pattern`, in which ANY stands for any number of elements, covers all of `text`. Only the last ANY is tried again. */
function follows<Wanted>(
  pattern: readonly (Wanted | typeof ANY)[],
  text: readonly string[],
  isSame: (wanted: Wanted, given: string) => boolean,
): boolean {
  let [at, any, retry] = [0, -1, 0];
  for (let index = 0; index < text.length;) {
    const wanted = pattern[at];
    const given = text[index] ?? '';
    if (wanted === ANY) {
      any = at;
      retry = index;
      at += 1;
    } else if (wanted !== undefined && isSame(wanted, given)) {
      at += 1;
      index += 1;
    } else if (any !== -1) {
      at = any + 1;
      retry += 1;
      index = retry;
    } else return false;
  }
  return pattern.slice(at).every((wanted) => wanted === ANY);
}
