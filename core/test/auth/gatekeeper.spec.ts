import { expect } from 'chai';
import {
  createHooks,
  isRegistryError,
  RegistryError,
  type Access,
  type Hooks,
  type PluginHooks,
} from '@entrepot/plugin-sdk';
import { Gatekeeper } from '../../src/auth/gatekeeper.ts';
import { HookFacade } from '../../src/plugins/hook-facade.ts';
import { bareRequest } from '../http/bare-request.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const pull: readonly Access[] = [{ type: 'repository', name: 'a', action: 'pull' }];
const alice = { authorization: `Basic ${Buffer.from('alice:x').toString('base64')}` };

/** Who is admitted, `nobody` without a name; or the status of the refusal. */
async function admitted(
  hooks: Hooks,
  { headers = {}, access = pull }: { headers?: Record<string, string>; access?: readonly Access[] } = {},
): Promise<string | number> {
  try {
    const identity = await new Gatekeeper(hooks).admit(bareRequest(headers).context, access);
    return identity?.subject ?? 'nobody';
  } catch (error) {
    if (!isRegistryError(error)) throw error;
    return error.status;
  }
}

/** Hooks, and the means to tap them as a plugin does. */
function tappable(): { readonly hooks: Hooks; readonly tap: PluginHooks } {
  const hooks = createHooks();
  return { hooks, tap: new HookFacade(hooks).for('rules', quiet) };
}

interface Opinions {
  readonly authenticate?: boolean;
  readonly authorize?: readonly (boolean | undefined)[];
}

function hooksWith({ authenticate = false, authorize = [] }: Opinions): Hooks {
  const { hooks, tap } = tappable();
  if (authenticate) {
    tap.authenticate.tap('auth', ({ basic }) => basic && { subject: basic.username });
  }
  for (const opinion of authorize) tap.authorize.tap('rules', () => opinion);
  return hooks;
}

describe('The gatekeeper', () => {
  /** Who is admitted without credentials, and with those of alice: for a pull, and for GET /v2/. */
  const table: readonly [
    title: string,
    options: Opinions,
    unknown: string | number,
    known: string | number,
    unknownToBase: string | number,
    knownToBase: string | number,
  ][] = [
    ['nobody asks', {}, 'nobody', 'nobody', 'nobody', 'nobody'],
    ['only who it is is asked', { authenticate: true }, 401, 'alice', 401, 'alice'],
    [
      'only what is allowed is asked, and it is',
      { authorize: [true] },
      'nobody',
      'nobody',
      'nobody',
      'nobody',
    ],
    ['only what is allowed is asked, and it is not', { authorize: [false] }, 401, 401, 'nobody', 'nobody'],
    [
      'only what is allowed is asked, and none knows',
      { authorize: [undefined] },
      401,
      401,
      'nobody',
      'nobody',
    ],
    [
      'both are asked, and it is allowed',
      { authenticate: true, authorize: [true] },
      'nobody',
      'alice',
      401,
      'alice',
    ],
    ['both are asked, and it is not', { authenticate: true, authorize: [false] }, 401, 403, 401, 'alice'],
    [
      'both are asked, and none knows',
      { authenticate: true, authorize: [undefined] },
      401,
      403,
      401,
      'alice',
    ],
    [
      'the first opinion is no',
      { authenticate: true, authorize: [undefined, false, true] },
      401,
      403,
      401,
      'alice',
    ],
    [
      'the first opinion is yes',
      { authenticate: true, authorize: [undefined, true, false] },
      'nobody',
      'alice',
      401,
      'alice',
    ],
  ];
  for (const [title, options, unknown, known, unknownToBase, knownToBase] of table) {
    it(`when ${title} admits ${unknown} and ${known}; to GET /v2/ ${unknownToBase} and ${knownToBase}`, async () => {
      const hooks = hooksWith(options);
      expect([
        await admitted(hooks),
        await admitted(hooks, { headers: alice }),
        await admitted(hooks, { access: [] }),
        await admitted(hooks, { headers: alice, access: [] }),
      ]).to.deep.equal([unknown, known, unknownToBase, knownToBase]);
    });
  }

  it('is open only when no tap asks anything', () => {
    expect(new Gatekeeper(createHooks()).isOpen).to.equal(true);
    expect(new Gatekeeper(hooksWith({ authenticate: true })).isOpen).to.equal(false);
    expect(new Gatekeeper(hooksWith({ authorize: [true] })).isOpen).to.equal(false);
  });

  it('takes nothing but true for a yes', async () => {
    const answer: string = 'odd';
    for (const odd of [1, 'yes', {}, [], null]) {
      const { hooks, tap } = tappable();
      // What plugins in plain JavaScript may answer, whatever the types say.
      tap.authorize.tapPromise('rules', () => Promise.resolve(Reflect.get({ odd }, answer)));
      expect(await admitted(hooks)).to.equal(401);
    }
  });

  it('asks the next tap when one does not know the credentials, and none once one does', async () => {
    const { hooks, tap } = tappable();
    const asked: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      tap.authenticate.tap(name, () => {
        asked.push(name);
        return name === 'second' ? { subject: name } : undefined;
      });
    }
    expect(await admitted(hooks)).to.equal('second');
    expect(asked).to.deep.equal(['first', 'second']);
  });

  it('adds the challenges to a refusal of credentials, and keeps its reason and details', async () => {
    const hooks = createHooks();
    hooks.authenticate.tap('auth', () => {
      throw new RegistryError('UNAUTHORIZED', 'the token is too old', { details: ['expired'] });
    });
    hooks.challenge.tap('auth', (challenges, access) => [...challenges, `A scope="${access.length}"`]);
    hooks.challenge.tap('other', (challenges) => [...challenges, 'B']);
    const error: unknown = await new Gatekeeper(hooks)
      .admit(bareRequest().context, pull)
      .catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({
      code: 'UNAUTHORIZED',
      message: 'the token is too old',
      details: ['expired'],
      headers: { 'www-authenticate': 'A scope="1", B' },
    });
  });

  it('refuses credentials that no tap knows, also where everybody may do what is asked', async () => {
    const { hooks, tap } = tappable();
    tap.authenticate.tap('auth', () => undefined);
    tap.authorize.tap('rules', () => true);
    expect([
      await admitted(hooks),
      await admitted(hooks, { headers: alice }),
      await admitted(hooks, { headers: { authorization: 'Bearer unknown' } }),
      await admitted(hooks, { headers: alice, access: [] }),
    ]).to.deep.equal(['nobody', 401, 401, 401]);
  });

  for (const code of ['DENIED', 'UNAUTHORIZED'] as const) {
    it(`takes ${code} from a rule for a no where that is no reason to refuse a request`, async () => {
      const { hooks, tap } = tappable();
      tap.authorize.tap('rules', () => {
        throw new RegistryError(code, 'not on Fridays');
      });
      expect(await new Gatekeeper(hooks).permits({ subject: 'alice' }, pull, '127.0.0.1')).to.equal(false);
    });
  }

  it('takes a rule that cannot decide for no answer at all', async () => {
    const { hooks, tap } = tappable();
    tap.authorize.tap('rules', () => {
      throw new RegistryError('UNAVAILABLE', 'the directory is down');
    });
    const error: unknown = await new Gatekeeper(hooks)
      .permits({ subject: 'alice' }, pull, '127.0.0.1')
      .catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'UNAVAILABLE' });
  });

  it('challenges the unknown when a rule denies with a reason, and tells the reason to the known', async () => {
    const { hooks, tap } = tappable();
    tap.authenticate.tap('auth', ({ basic }) => basic && { subject: basic.username });
    tap.authorize.tap('rules', () => {
      throw new RegistryError('DENIED', 'not on Fridays');
    });
    hooks.challenge.tap('auth', () => ['Basic realm="a"']);
    const refusal = (headers: Record<string, string>): Promise<unknown> =>
      new Gatekeeper(hooks).admit(bareRequest(headers).context, pull).catch((thrown: unknown) => thrown);
    expect(await refusal({})).to.deep.include({
      code: 'UNAUTHORIZED',
      message: 'authentication required',
      headers: { 'www-authenticate': 'Basic realm="a"' },
    });
    expect(await refusal(alice)).to.deep.include({ code: 'DENIED', message: 'not on Fridays', headers: {} });
  });

  it('passes every other refusal and failure on as it is', async () => {
    for (const thrown of [
      new RegistryError('TOOMANYREQUESTS'),
      new RegistryError('UNAVAILABLE'),
      new Error('the directory is down'),
    ]) {
      const hooks = createHooks();
      hooks.authenticate.tap('auth', () => {
        throw thrown;
      });
      const error: unknown = await new Gatekeeper(hooks)
        .admit(bareRequest().context, pull)
        .catch((seen: unknown) => seen);
      expect(error).to.equal(thrown);
    }
  });

  it('needs all of what is asked in one go, so that a rule sees the whole', async () => {
    const hooks = createHooks();
    const seen: (readonly Access[])[] = [];
    hooks.authorize.tap('rules', ({ access }) => {
      seen.push(access);
      return true;
    });
    const both: readonly Access[] = [...pull, { type: 'repository', name: 'b', action: 'push' }];
    await admitted(hooks, { access: both });
    expect(seen).to.deep.equal([both]);
  });

  it('tells taps whether a repository exists, and has them limit the catalog, all of them together', async () => {
    const { hooks, tap } = tappable();
    const found: (boolean | undefined)[] = [];
    tap.authorize.tapPromise('first', async ({ exists, limitCatalog }) => {
      found.push(await exists?.('old'), await exists?.('new'), limitCatalog === undefined);
      limitCatalog?.((name) => name !== 'first');
      return undefined;
    });
    tap.authorize.tap('second', ({ limitCatalog }) => {
      limitCatalog?.(async (name) => name !== 'second');
      return true;
    });
    const gatekeeper = new Gatekeeper(hooks, async (name) => name === 'old');
    const { context } = bareRequest();
    await gatekeeper.admit(context, [{ type: 'registry', name: 'catalog', action: '*' }]);
    const shown = await Promise.all(['first', 'second', 'third'].map(async (name) => context.shows?.(name)));
    expect(shown).to.deep.equal([false, false, true]);
    const { context: other } = bareRequest();
    await gatekeeper.admit(other, pull);
    expect(other.shows).to.equal(undefined);
    expect(found).to.deep.equal([true, false, false, true, false, true]);
  });
});
