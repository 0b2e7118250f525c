import { AssertionError } from 'node:assert';
import { createServer, type Server } from 'node:http';
import {
  definePlugin,
  type JSONSchemaType,
  type PluginDefinition,
  type PluginFactory,
} from '@entrepot/plugin-sdk';
import { describePlugin } from '@entrepot/plugin-sdk/conformance';
import { expect } from 'chai';
import { failuresOf, type Failure } from './collecting-runner.ts';

interface Options {
  readonly realm: string;
  readonly robots: Readonly<Record<string, string>>;
}

const schema: JSONSchemaType<Options> = {
  type: 'object',
  additionalProperties: false,
  required: ['realm', 'robots'],
  properties: {
    realm: { type: 'string' },
    robots: { type: 'object', required: [], additionalProperties: { type: 'string' }, default: {} },
  },
};

/** A plugin that does everything a plugin may do: it taps, listens while it is started, and knows how it is. */
const correct: PluginDefinition<Options> = {
  name: 'auth-static',
  schema,
  setup({ name, hooks, options }) {
    let server: Server | undefined;
    hooks.authenticate.tap(name, ({ bearer }) => {
      const subject = bearer === undefined ? undefined : options.robots[bearer];
      return subject === undefined ? undefined : { subject };
    });
    hooks.authorize.tapPromise(name, async ({ identity }) => identity !== undefined);
    hooks.challenge.tap(name, (challenges) => [...challenges, `Bearer realm="${options.realm}"`]);
    return {
      async start() {
        const starting = createServer();
        await new Promise<void>((resolve) => starting.listen(0, '127.0.0.1', resolve));
        server = starting;
      },
      async health() {
        if (server?.listening !== true) throw new Error('not listening');
      },
      async stop() {
        const stopping = server;
        server = undefined;
        if (stopping !== undefined) await new Promise((resolve) => stopping.close(resolve));
      },
    };
  },
};

type Input = Pick<Options, 'realm'> & Partial<Options>;

const examples = { valid: { realm: 'https://example.org', robots: { secret: 'ci' } }, invalid: { realm: 1 } };

function judge(
  changed: Partial<PluginDefinition<Options>>,
  around: (factory: PluginFactory<Input>) => PluginFactory<Input> = (factory) => factory,
): Promise<Failure[]> {
  const factory = around(definePlugin<Options, Input>({ ...correct, ...changed }));
  return failuresOf((runner) => describePlugin<Input>(runner, factory, examples));
}

const titles = {
  plain: 'is plain data with a name in kebab-case, the schema, and the options as they were given',
  schema: 'has a strict schema: each object lists its keys, or is a map with a schema for its values',
  unknown: 'accepts the valid options and refuses an unknown one by its name',
  invalid: 'refuses the invalid options',
  synchronous: 'is set up synchronously, and gives nothing but what the host knows to ask for',
  io: 'does no I/O when it is set up: it leaves nothing running and listens to no signal',
  taps: 'taps hooks under its own name, and the same ones each time it is set up',
  starts: 'starts, is healthy, taps nothing any more, and stops twice',
  stops: 'stops without having been started',
  again: 'starts again, as a new instance, after it has stopped',
  independent: 'is independent of another instance of itself: one stops, the other stays healthy',
};

describe('the conformance kit for plugins', () => {
  it('has nothing to say against a plugin that is correct', async () => {
    expect(await judge({})).to.deep.equal([]);
  });

  it('has nothing to say against a plugin that needs no life of its own', async () => {
    const setup: PluginDefinition<Options>['setup'] = ({ name, hooks }) => {
      hooks.event.tap(name, () => undefined);
    };
    expect(await judge({ setup })).to.deep.equal([]);
  });

  /** The kit notices, in the test of this title, quoting the contract. */
  async function expectNoticed(failures: Promise<Failure[]>, title: string): Promise<void> {
    const failure = (await failures).find((candidate) => candidate.title === title);
    expect(failure?.error, `failure of '${title}'`).to.be.instanceOf(AssertionError);
    expect(failure?.error)
      .to.have.property('message')
      .that.matches(/^the contract says "/);
  }

  it('notices a name that is not in kebab-case', () =>
    expectNoticed(judge({ name: 'authStatic' }), titles.plain));

  it('notices a plugin of another contract', () =>
    expectNoticed(
      judge({}, (factory) =>
        Object.assign((options: Input) => ({ ...factory(options), apiVersion: 2 }), factory),
      ),
      titles.plain,
    ));

  it('notices a plugin that changes its options before they are checked', () =>
    expectNoticed(
      judge({}, (factory) =>
        Object.assign((options: Input) => factory({ ...options, realm: 'changed' }), factory),
      ),
      titles.plain,
    ));

  it('notices an open schema', async () => {
    const { additionalProperties: _, ...open } = schema;
    await expectNoticed(judge({ schema: { ...open, additionalProperties: true } }), titles.schema);
    await expectNoticed(judge({ schema: { ...open, additionalProperties: true } }), titles.unknown);
  });

  it('notices an open schema further in', () => {
    const factory = definePlugin<{ readonly nested: object }>({
      name: 'auth-open',
      schema: {
        type: 'object',
        additionalProperties: false,
        required: ['nested'],
        properties: { nested: { type: 'object', required: [] } },
      },
      setup: () => undefined,
    });
    const failures = failuresOf((runner) =>
      describePlugin(runner, factory, { valid: { nested: {} }, invalid: {} }),
    );
    return expectNoticed(failures, titles.schema);
  });

  it('notices a schema that accepts what the author calls invalid', async () => {
    const failures = failuresOf((runner) =>
      describePlugin(runner, definePlugin<Options, Input>(correct), {
        ...examples,
        invalid: { realm: 'valid' },
      }),
    );
    await expectNoticed(failures, titles.invalid);
  });

  it('notices a handle with more than the host asks for', () => {
    const setup = () => ({ start: async () => undefined, restart: async () => undefined });
    return expectNoticed(judge({ setup }), titles.synchronous);
  });

  it('notices a setup that takes its time', () => {
    const setup = () => Object.assign(Promise.resolve(), { stop: async () => undefined });
    return expectNoticed(judge({ setup }), titles.synchronous);
  });

  it('notices a setup that starts a timer', async () => {
    const timers: NodeJS.Timeout[] = [];
    const setup = () => void timers.push(setTimeout(() => undefined, 600_000));
    await expectNoticed(judge({ setup }), titles.io);
    timers.forEach((timer) => clearTimeout(timer));
  });

  it('notices a setup that listens to a signal of the process', async () => {
    const listener = (): void => undefined;
    const setup = () => void process.on('SIGUSR2', listener);
    await expectNoticed(judge({ setup }), titles.io);
    process.removeAllListeners('SIGUSR2');
  });

  it('notices a tap under another name', () => {
    const setup: PluginDefinition<Options>['setup'] = ({ hooks }) =>
      hooks.event.tap('somebody', () => undefined);
    return expectNoticed(judge({ setup }), titles.taps);
  });

  it('notices a plugin that taps only once, however often it is set up', () => {
    let tapped = false;
    const setup: PluginDefinition<Options>['setup'] = ({ name, hooks }) => {
      if (!tapped) hooks.event.tap(name, () => undefined);
      tapped = !tapped;
    };
    return expectNoticed(judge({ setup }), titles.taps);
  });

  it('notices a plugin that taps when it starts', () => {
    const setup: PluginDefinition<Options>['setup'] = ({ name, hooks }) => ({
      start: async () => hooks.event.tap(name, () => undefined),
    });
    return expectNoticed(judge({ setup }), titles.starts);
  });

  it('notices a plugin that cannot be stopped twice', () => {
    let stopped = false;
    const stop = async (): Promise<void> => {
      if (stopped) throw new Error('not running');
      stopped = true;
    };
    return expectNoticed(judge({ setup: () => ({ stop }) }), titles.starts);
  });

  it('notices a plugin that cannot be stopped before it was started', () => {
    const setup = () => {
      let running = false;
      return {
        start: async () => void (running = true),
        stop: async () => {
          if (!running) throw new Error('not running');
        },
      };
    };
    return expectNoticed(judge({ setup }), titles.stops);
  });

  it('notices a plugin that is not healthy once it has started', () => {
    const health = async (): Promise<void> => {
      throw new Error('no connection');
    };
    return expectNoticed(judge({ setup: () => ({ health }) }), titles.starts);
  });

  it('notices a plugin that starts only once in the life of a process', () => {
    let started = false;
    const start = async (): Promise<void> => {
      if (started) throw new Error('already started');
      started = true;
    };
    const setup = () => ({ start, stop: async () => undefined });
    return expectNoticed(judge({ setup }), titles.again);
  });

  it('notices instances that share what one of them stops', () => {
    let connected = false;
    const setup = () => ({
      start: async () => void (connected = true),
      health: async () => {
        if (!connected) throw new Error('no connection');
      },
      stop: async () => void (connected = false),
    });
    return expectNoticed(judge({ setup }), titles.independent);
  });
});
