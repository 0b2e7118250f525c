import { expect } from 'chai';
import { createHooks, type Decisions, type Plugin, type PluginHandle } from '@entrepot/plugin-sdk';
import { resolveConfig } from '../../src/config/resolve-config.ts';
import { PluginHost, type PluginTimeLimits } from '../../src/plugins/plugin-host.ts';
import { rejectionOf } from '../rejection.ts';
import { errorOf, keepLog, type KeptLog } from './log-lines.ts';
import { htpasswd, plugin } from './sample-plugins.ts';

const never = (): Promise<void> => new Promise(() => undefined);
const limits: PluginTimeLimits = { start: 20, health: 20, stop: 20, diagnose: 20 };

describe('The plugin host', () => {
  let kept: KeptLog;
  beforeEach(async () => {
    kept = await keepLog();
  });

  async function hostOf(...plugins: Plugin[]): Promise<PluginHost> {
    return new PluginHost((await resolveConfig({ plugins })).plugins, createHooks(), kept.log, { limits });
  }

  /** A plugin that notes what it is asked to do. */
  function noting(name: string, notes: string[], handle: PluginHandle = {}): Plugin {
    return plugin(name, () => {
      notes.push(`set up ${name}`);
      return {
        async start() {
          notes.push(`start ${name}`);
          await handle.start?.();
        },
        async stop() {
          notes.push(`stop ${name}`);
          await handle.stop?.();
        },
      };
    });
  }

  describe('sets up', () => {
    it('plugins that may ask all of them for decisions, once all have been set up', async () => {
      let early: unknown;
      let decisions: Decisions | undefined;
      const asking = plugin('asking', (context) => {
        decisions = context.decisions;
        early = context.decisions.permits(undefined, [], '').catch(String);
      });
      const knowing = plugin('knowing', ({ hooks }) => {
        hooks.authenticate.tap('knowing', () => ({ subject: 'alice' }));
        hooks.authorize.tap('knowing', ({ identity }) => identity?.subject === 'alice');
      });
      await hostOf(asking, knowing);
      expect(await early).to.include('not all plugins have been set up yet');
      const request = { requestId: 'r', method: 'GET', address: '', access: [] };
      const alice = await decisions?.identify(request);
      expect(alice).to.deep.equal({ subject: 'alice' });
      const access = [{ type: 'repository', name: 'a', action: 'pull' }] as const;
      expect(await decisions?.permits(alice, access, '')).to.equal(true);
      expect(await decisions?.permits({ subject: 'bob' }, access, '')).to.equal(false);
    });

    it('in the order of the configuration, with options, hooks and a log of its own', async () => {
      const names: string[] = [];
      await hostOf(
        plugin('storage-none', ({ name }) => void names.push(name)),
        htpasswd({ file: 'users' }, ({ name, options, log }) => {
          names.push(name);
          log.info({ realm: options.realm }, 'ready');
        }),
      );
      expect(names).to.deep.equal(['storage-none', 'auth-htpasswd']);
      expect(kept.lines).to.have.lengthOf(1);
      expect(kept.lines[0]).to.deep.include({ plugin: 'auth-htpasswd', realm: 'registry', msg: 'ready' });
    });

    it('and closes the hooks behind the last one', async () => {
      const late: (() => void)[] = [];
      await hostOf(
        plugin('metrics', ({ name, hooks }) => {
          late.push(() => hooks.response.tap(name, () => undefined));
        }),
      );
      expect(() => late.forEach((tap) => tap())).to.throw("plugin metrics taps the hook 'response' too late");
    });

    const refusals: readonly [title: string, setup: () => unknown, message: string][] = [
      [
        'a plugin whose setup throws',
        () => {
          throw new Error('no users');
        },
        'plugin metrics could not be set up: no users',
      ],
      [
        'a plugin whose setup is async',
        async () => ({}),
        'plugin metrics could not be set up: its setup is async',
      ],
      [
        'a plugin whose async setup fails',
        async () => {
          throw new Error('late');
        },
        'plugin metrics could not be set up: its setup is async',
      ],
      [
        'a plugin that returns no handle',
        () => 7,
        'plugin metrics could not be set up: its setup returns something else',
      ],
      [
        'a handle that cannot be called',
        () => ({ start: 7 }),
        'plugin metrics could not be set up: its setup returns something else',
      ],
    ];
    for (const [title, setup, message] of refusals) {
      it(`but refuses ${title}`, async () => {
        const refused: Plugin = Object.assign(plugin('metrics'), { setup });
        expect((await rejectionOf(hostOf(refused))).message).to.include(message);
      });
    }

    it('but refuses a plugin that asks for a hook that does not exist, naming the hooks', async () => {
      const refused = plugin('metrics', ({ hooks }) => void Reflect.get(hooks, 'request'));
      const { message } = await rejectionOf(hostOf(refused));
      expect(message).to.include(
        "plugin metrics could not be set up: plugin metrics asks for the hook 'request'",
      );
      expect(message).to.include('authenticate, authorize');
    });
  });

  it('starts in order and stops in reverse', async () => {
    const notes: string[] = [];
    const host = await hostOf(noting('a', notes), noting('b', notes), plugin('c'));
    await host.start();
    await host.stop();
    expect(notes).to.deep.equal(['set up a', 'set up b', 'start a', 'start b', 'stop b', 'stop a']);
  });

  it('stops nothing twice, and nothing that was not started', async () => {
    const notes: string[] = [];
    const host = await hostOf(noting('a', notes));
    await host.stop();
    await host.start();
    await host.stop();
    await host.stop();
    expect(notes).to.deep.equal(['set up a', 'start a', 'stop a']);
  });

  it('stops what has been started when a later plugin cannot start, and names that one', async () => {
    const notes: string[] = [];
    const failing = noting('c', notes, {
      start: async () => {
        throw new Error('credentials refused');
      },
    });
    const host = await hostOf(noting('a', notes), noting('b', notes), failing, noting('d', notes));
    const error = await rejectionOf(host.start());
    expect(error.message).to.equal('plugin c could not be started: credentials refused');
    expect(notes.slice(4)).to.deep.equal(['start a', 'start b', 'start c', 'stop b', 'stop a']);
  });

  it('gives a plugin so long to start and no longer', async () => {
    const host = await hostOf(plugin('storage-slow', () => ({ start: never })));
    expect((await rejectionOf(host.start())).message).to.equal(
      'plugin storage-slow could not be started: no answer within 0.02 s',
    );
  });

  it('goes on stopping when a plugin fails to stop or takes too long, and logs it', async () => {
    const notes: string[] = [];
    const failing = noting('b', notes, {
      stop: async () => {
        throw new Error('stuck');
      },
    });
    const host = await hostOf(noting('a', notes), failing, noting('c', notes, { stop: never }));
    await host.start();
    await host.stop();
    expect(notes.slice(6)).to.deep.equal(['stop c', 'stop b', 'stop a']);
    expect(kept.lines.map((line) => [line['level'], line['plugin'], errorOf(line)])).to.deep.equal([
      ['error', 'c', 'no answer within 0.02 s'],
      ['error', 'b', 'stuck'],
    ]);
  });

  describe('tells the health of each plugin', () => {
    it('with the reason when it is not well', async () => {
      const host = await hostOf(
        plugin('storage-none'),
        plugin('auth-ldap', () => ({
          health: async () => {
            throw new Error('no route to host');
          },
        })),
        plugin('events-kafka', () => ({ health: never })),
      );
      expect(await host.health()).to.deep.equal([
        { name: 'storage-none', healthy: true },
        { name: 'auth-ldap', healthy: false, reason: 'no route to host' },
        { name: 'events-kafka', healthy: false, reason: 'no answer within 0.02 s' },
      ]);
    });

    it('asking all at once', async () => {
      const asked: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiting = (name: string): Plugin =>
        plugin(name, () => ({ health: () => (asked.push(name), promise) }));
      const host = await hostOf(waiting('a'), waiting('b'));
      const health = host.health();
      expect(asked).to.deep.equal(['a', 'b']);
      resolve();
      await health;
    });

    it('and does not ask a plugin again that has not answered yet', async () => {
      let asked = 0;
      const answers: (() => void)[] = [];
      const host = await hostOf(
        plugin('storage-slow', () => ({
          health: () =>
            new Promise((resolve) => {
              asked += 1;
              answers.push(resolve);
            }),
        })),
      );
      const [first, second] = [host.health(), host.health()];
      answers.forEach((answer) => answer());
      expect((await Promise.all([first, second])).flat().map(({ healthy }) => healthy)).to.deep.equal([
        true,
        true,
      ]);
      expect(asked).to.equal(1);
      const third = host.health();
      expect(asked).to.equal(2);
      answers.forEach((answer) => answer());
      await third;
    });
  });

  it('leaves no timer behind', async () => {
    const host = await hostOf(
      plugin('a', () => ({ start: async () => undefined, stop: async () => undefined })),
    );
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    await host.start();
    await host.health();
    await host.stop();
    expect(timers()).to.equal(before);
  });
});
