import type { CacheFigures, RegistryFigures } from '../figures.ts';
import { createHooks } from '../hooks.ts';
import { OptionsError, resolveOptions } from '../options.ts';
import { apiVersion, type Plugin, type PluginHandle } from '../plugin.ts';
import { equal, holds, succeeds } from './assertions.ts';
import { looseObjects } from './loose-objects.ts';
import { pluginSays as says } from './plugin-contract.ts';
import type { Runner } from './runner.ts';

/** What a plugin package default-exports, as the kit calls it. */
export interface ConfigurablePlugin<Input> {
  (options: Input): Plugin;
  readonly pluginName: string;
  readonly schema: object;
}

export interface PluginExamples<Input> {
  /** Options the plugin can start with where the tests run. */
  readonly valid: Input;
  /** Options that its schema refuses. */
  readonly invalid: unknown;
}

/** Declares the tests every plugin has to pass, whichever hooks it taps. Messages quote the sentence that broke. */
export function describePlugin<Input>(
  { describe, it }: Runner,
  factory: ConfigurablePlugin<Input>,
  { valid, invalid }: PluginExamples<Input>,
): void {
  const name = factory.pluginName;
  const setUp = (): Wired => wire(factory(valid));

  describe(`plugin ${name}`, () => {
    it('is plain data with a name in kebab-case, the schema, and the options as they were given', async () => {
      const plugin = factory(valid);
      holds(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name), says.name, `got '${name}'`);
      equal(plugin.name, name, says.name);
      equal(plugin.apiVersion, apiVersion, says.apiVersion);
      equal(plugin.schema, factory.schema, says.plainPlugin);
      equal(plugin.options, valid, says.plainPlugin);
      equal(typeof plugin.setup, 'function', says.plainPlugin);
    });

    it('has a strict schema: each object lists its keys, or is a map with a schema for its values', async () => {
      equal([...looseObjects(factory.schema)], [], says.schema);
    });

    it('accepts the valid options and refuses an unknown one by its name', async () => {
      resolveOptions(name, factory.schema, valid);
      const problems = problemsOf(factory, { ...valid, 'no-such-option': true });
      holds(
        problems.join().includes("'no-such-option'"),
        says.schema,
        `got ${problems.join() || 'no problem'}`,
      );
    });

    it('refuses the invalid options', async () => {
      const problems = problemsOf(factory, invalid);
      holds(problems.length > 0, says.problems, 'the invalid options were accepted');
    });

    it('is set up synchronously, and gives nothing but what the host knows to ask for', async () => {
      const { handle } = setUp();
      if (handle === undefined) return;
      for (const [member, value] of Object.entries(handle)) {
        holds(handleMembers.includes(member), says.handle, `got ${member}`);
        equal(typeof value, 'function', says.handle);
      }
      holds(!('then' in handle), says.setup, 'setup returned a promise');
    });

    it('does no I/O when it is set up: it leaves nothing running and listens to no signal', async () => {
      const plugin = factory(valid);
      const before = running();
      wire(plugin);
      equal(running(), before, says.setup);
    });

    it('taps hooks under its own name, and the same ones each time it is set up', async () => {
      const { taps } = setUp();
      for (const tap of taps) equal(tap, { hook: tap.hook, name }, says.tapName);
      equal(setUp().taps, taps, says.setup);
    });

    it('starts, is healthy, taps nothing any more, and stops twice', async () => {
      const { handle, taps } = setUp();
      const tapped = taps.length;
      try {
        await ask(handle, 'start');
        await ask(handle, 'health');
        equal(taps.length, tapped, says.sealed);
      } finally {
        await ask(handle, 'stop');
      }
      await ask(handle, 'stop');
    });

    it('stops without having been started', async () => {
      const { handle } = setUp();
      await ask(handle, 'stop');
      await ask(handle, 'stop');
    });

    it('is independent of another instance of itself: one stops, the other stays healthy', async () => {
      const one = setUp().handle;
      const two = setUp().handle;
      try {
        await ask(one, 'start');
        await ask(two, 'start');
        await ask(one, 'stop');
        await ask(two, 'health');
      } finally {
        await ask(one, 'stop');
        await ask(two, 'stop');
      }
    });

    it('takes the place of one of itself that runs, and is healthy when that one has stopped', async () => {
      const before = setUp().handle;
      try {
        await ask(before, 'start');
        const next = wire(factory(valid), before?.handOver?.()).handle;
        try {
          await ask(next, 'start');
          await ask(next, 'health');
          await ask(before, 'stop');
          await ask(next, 'health');
        } finally {
          await ask(next, 'stop');
        }
      } finally {
        await ask(before, 'stop');
      }
    });

    it('starts again, as a new instance, after it has stopped', async () => {
      for (const { handle } of [setUp(), setUp()]) {
        try {
          await ask(handle, 'start');
          await ask(handle, 'health');
        } finally {
          await ask(handle, 'stop');
        }
      }
    });
  });
}

const handleMembers = ['start', 'health', 'stop', 'handOver', 'diagnose'];

/** Asks a plugin that can start where the tests run: no answer of it may be an error. */
async function ask(handle: PluginHandle | undefined, what: 'start' | 'health' | 'stop'): Promise<void> {
  const sentence = { start: says.start, health: says.health, stop: says.stop }[what];
  await succeeds(handle?.[what]?.() ?? Promise.resolve(), sentence);
}

const nothing: CacheFigures = { hits: 0, misses: 0 };
const noFigures: RegistryFigures = {
  requests: 0,
  uploads: 0,
  events: { waiting: 0, dropped: 0 },
  caches: { records: nothing, manifests: nothing, blobs: nothing },
  collection: { runs: 0, failures: 0, freed: 0 },
};

async function* noUsage(): AsyncGenerator<never> {
  // Nothing is stored.
}

interface Wired {
  readonly handle: PluginHandle | undefined;
  /** In the order they were made; grows when the plugin taps later. */
  readonly taps: { readonly hook: string; readonly name: string }[];
}

/** Sets a plugin up as the host does: options resolved and frozen, real hooks, a silent log. */
function wire(plugin: Plugin, inherited?: unknown): Wired {
  const hooks = createHooks();
  const taps: { hook: string; name: string }[] = [];
  for (const [hook, tappable] of Object.entries(hooks)) {
    tappable.intercept({
      register(tap) {
        taps.push({ hook, name: tap.name });
        return tap;
      },
    });
  }
  const silent = (): void => undefined;
  const handle = plugin.setup({
    name: plugin.name,
    options: resolveOptions<never>(plugin.name, plugin.schema, plugin.options),
    hooks,
    decisions: {
      clientOf: () => ({ address: '127.0.0.1' }),
      identify: async () => undefined,
      permits: async () => false,
    },
    storage: () => undefined,
    usage: noUsage,
    audit: () => undefined,
    figures: () => noFigures,
    siblings: { worker: undefined, answer: silent, ask: async () => [] },
    inherited,
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
  return { handle: handle ?? undefined, taps };
}

function problemsOf({ pluginName, schema }: ConfigurablePlugin<never>, options: unknown): readonly string[] {
  try {
    resolveOptions(pluginName, schema, options);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

/** What would keep the process busy or alive, and who listens to its signals. */
function running(): unknown {
  return {
    resources: process.getActiveResourcesInfo().toSorted(),
    listeners: process.eventNames().map((event) => [event, process.listenerCount(event)]),
  };
}
