import {
  isRegistryError,
  type AsyncTap,
  type Hooks,
  type Logger,
  type PluginHooks,
  type SyncTap,
  type Tracer,
} from '@entrepot/plugin-sdk';
import { messageOf } from '../error-message.ts';

/**
 * What plugins hold of the hooks: they may tap, they cannot call, and once {@link seal}ed they cannot tap either.
 * Core never intercepts hooks: an interceptor would make an untapped one count as used.
 */
export class HookFacade {
  readonly #hooks: Hooks;
  #sealed = false;
  #tracer: Tracer | undefined;

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
  }

  /** Ends the time of tapping, for every plugin. From now on `tracer`, if there is one, follows the taps of requests. */
  seal(tracer?: Tracer): void {
    this.#sealed = true;
    this.#tracer = tracer;
  }

  /** The hooks as one plugin sees them. Asking for a hook that does not exist throws. */
  for(plugin: string, log: Logger): PluginHooks {
    const hooks = this.#hooks;
    const taps = new Taps(plugin, log, {
      isSealed: () => this.#sealed,
      tracer: () => this.#tracer,
    });
    return refuseUnknown(plugin, {
      storage: taps.sync('storage', hooks.storage),
      wrapStorage: taps.sync('wrapStorage', hooks.wrapStorage),
      certificate: taps.sync('certificate', hooks.certificate),
      middleware: taps.sync('middleware', hooks.middleware),
      diagnostics: taps.sync('diagnostics', hooks.diagnostics),
      retention: taps.sync('retention', hooks.retention),
      trace: taps.sync('trace', hooks.trace),
      authenticate: taps.async('authenticate', hooks.authenticate),
      authorize: taps.async('authorize', hooks.authorize),
      challenge: taps.sync('challenge', hooks.challenge),
      admit: taps.async('admit', hooks.admit),
      validateManifest: taps.async('validateManifest', hooks.validateManifest),
      change: taps.refusing('change', hooks.change),
      record: taps.async('record', hooks.record),
      event: taps.isolated('event', { tap: (name, fn) => hooks.event.tapPromise(name, fn) }),
      audit: taps.isolated('audit', { tap: (name, fn) => hooks.audit.tapPromise(name, fn) }),
      response: taps.isolated('response', {
        tap: (name, fn) => hooks.response.tap(name, (report) => void fn(report)),
      }),
    });
  }
}

/** The parts of tapable's hooks that taps are added through. */
interface SyncHook<Arguments extends readonly unknown[], Result> {
  tap(name: string, fn: (...args: Arguments) => Result): void;
}
interface AsyncHook<Arguments extends readonly unknown[], Result> {
  tapPromise(name: string, fn: (...args: Arguments) => Promise<Result>): void;
}

/** Adds the taps of one plugin, under its own name whatever name they give: refusals and logs must name the right one. */
class Taps {
  readonly #plugin: string;
  readonly #log: Logger;
  readonly #isSealed: () => boolean;
  readonly #tracer: () => Tracer | undefined;

  constructor(
    plugin: string,
    log: Logger,
    facade: { readonly isSealed: () => boolean; readonly tracer: () => Tracer | undefined },
  ) {
    this.#plugin = plugin;
    this.#log = log;
    this.#isSealed = facade.isSealed;
    this.#tracer = facade.tracer;
  }

  /** Taps that answer at once: a promise is refused. What they throw is told with the name of the plugin. */
  sync<Arguments extends readonly unknown[], Result>(
    hook: string,
    target: SyncHook<Arguments, Result>,
    mayThrow: (error: unknown) => boolean = () => false,
  ): SyncTap<Arguments, Result> {
    return Object.freeze({
      tap: (_name: string, fn: (...args: Arguments) => Result) => {
        this.#check(hook, fn);
        target.tap(this.#plugin, (...args) => {
          try {
            const result = fn(...args);
            if (result instanceof Promise)
              throw new Error('it answers with a promise, but has to answer at once');
            return result;
          } catch (error) {
            if (mayThrow(error)) throw error;
            throw new Error(`plugin ${this.#plugin} fails in the hook '${hook}': ${messageOf(error)}`, {
              cause: error,
            });
          }
        });
      },
    });
  }

  /** Taps that answer at once, and whose `RegistryError` is their answer. */
  refusing<Arguments extends readonly unknown[]>(
    hook: string,
    target: SyncHook<Arguments, void>,
  ): SyncTap<Arguments, void> {
    return this.sync(hook, target, isRegistryError);
  }

  /** `tap` and `tapPromise` are one: an async function given to `tap` must never pass for an identity or a consent. */
  async<Arguments extends readonly unknown[], Result>(
    hook: string,
    target: AsyncHook<Arguments, Result>,
  ): AsyncTap<Arguments, Result> {
    const tap = (_name: string, fn: (...args: Arguments) => Result | Promise<Result>): void => {
      this.#check(hook, fn);
      const step = `${hook} ${this.#plugin}`;
      target.tapPromise(this.#plugin, async (...args) => {
        const tracer = this.#tracer();
        return tracer === undefined ? fn(...args) : tracer.step(step, async () => fn(...args));
      });
    };
    return Object.freeze({ tap, tapPromise: tap });
  }

  /** Taps that fail alone: the error is logged; other taps and the client do not notice. */
  isolated<Arguments extends readonly unknown[]>(
    hook: string,
    target: SyncHook<Arguments, Promise<void>>,
  ): AsyncTap<Arguments, void> {
    const tap = (_name: string, fn: (...args: Arguments) => void | Promise<void>): void => {
      this.#check(hook, fn);
      target.tap(this.#plugin, async (...args) => {
        try {
          await fn(...args);
        } catch (error) {
          this.#log.error({ err: error, hook }, 'a tap has failed');
        }
      });
    };
    return Object.freeze({ tap, tapPromise: tap });
  }

  #check(hook: string, fn: unknown): void {
    if (this.#isSealed()) {
      throw new Error(
        `plugin ${this.#plugin} taps the hook '${hook}' too late: hooks are tapped in setup alone`,
      );
    }
    if (typeof fn !== 'function') {
      throw new Error(`plugin ${this.#plugin} taps the hook '${hook}' with something that is no function`);
    }
  }
}

function refuseUnknown(plugin: string, hooks: PluginHooks): PluginHooks {
  return new Proxy(Object.freeze(hooks), {
    get(target, name, receiver): unknown {
      if (typeof name === 'symbol' || name in target) return Reflect.get(target, name, receiver);
      throw new Error(
        `plugin ${plugin} asks for the hook '${name}', which does not exist; the hooks are ${Object.keys(target).join(', ')}`,
      );
    },
  });
}
