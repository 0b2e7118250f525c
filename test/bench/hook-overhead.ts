import { createRegistry } from '@entrepot/core';
import { definePlugin, type Plugin, type PluginHooks } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { Connections } from './connections.ts';
import { manifestOf, put, REPOSITORY } from './content.ts';
import { ownCpu, underLoad, type LoadReport } from './load.ts';

type Tap = (hooks: PluginHooks, name: string, isLast: boolean) => void;

/** Taps that do next to nothing, of the hooks that a pull passes. Who decides is the last one, as others have no opinion. */
const taps: Readonly<Record<string, Tap>> = {
  middleware: ({ middleware }, name) => {
    middleware.tap(name, (router) => void router.use((_request, _response, next) => next()));
  },
  authenticate: ({ authenticate }, name, isLast) => {
    authenticate.tapPromise(name, async () => (isLast ? { subject: 'somebody' } : undefined));
  },
  authorize: ({ authorize }, name, isLast) => {
    authorize.tapPromise(name, async () => (isLast ? true : undefined));
  },
  event: ({ event }, name) => event.tapPromise(name, async () => undefined),
  response: ({ response }, name) => response.tap(name, () => undefined),
};

const COUNTS = [0, 1, 5];

/**
 * Pulls of a manifest by tag from a registry in this process with so many taps of one hook. CPU is that of client and
 * registry together, so what counts is the difference to no taps.
 */
export async function hookOverhead(
  seconds: number,
  isWanted: (name: string) => boolean,
): Promise<Readonly<Record<string, LoadReport>>> {
  const pulls = (registry: Connections): Promise<LoadReport> =>
    underLoad({
      atOnce: 16,
      seconds,
      cpu: ownCpu,
      operation: () => registry.ask({ path: `/v2/${REPOSITORY}/manifests/latest` }),
    });
  const reports: Record<string, LoadReport> = {};
  // The first figure of a process would be that of code that is still being compiled.
  if (Object.keys(taps).some((hook) => COUNTS.some((count) => isWanted(nameOf(hook, count)))))
    await withTaps([], pulls);
  for (const [hook, tap] of Object.entries(taps)) {
    for (const count of COUNTS) {
      const name = nameOf(hook, count);
      if (!isWanted(name)) continue;
      reports[name] = await withTaps(
        Array.from({ length: count }, (_, index) => tapping(`tap-${index}`, tap, index === count - 1)),
        pulls,
      );
    }
  }
  return reports;
}

function nameOf(hook: string, count: number): string {
  return `${count} ${count === 1 ? 'tap' : 'taps'} of ${hook}`;
}

async function withTaps<Result>(
  plugins: readonly Plugin[],
  measure: (registry: Connections) => Promise<Result>,
): Promise<Result> {
  const registry = await createRegistry({
    http: { host: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
    plugins: [storageMemory(), ...plugins],
  });
  const { url } = await registry.start();
  const connections = new Connections(url, 16);
  try {
    await put(connections, manifestOf('image', []), 'latest');
    return await measure(connections);
  } finally {
    connections.close();
    await registry.stop();
  }
}

function tapping(name: string, tap: Tap, isLast: boolean): Plugin {
  return definePlugin<Record<string, never>>({
    name,
    schema: { type: 'object', additionalProperties: false, required: [] },
    setup: ({ hooks }) => tap(hooks, name, isLast),
  })();
}
