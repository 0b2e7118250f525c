import { expect } from 'chai';
import {
  createHooks,
  type AuthRequest,
  type Hooks,
  type ManifestSubmission,
  type PluginHooks,
  type RegistryEvent,
  type ResponseReport,
} from '@entrepot/plugin-sdk';
import { HookFacade } from '../../src/plugins/hook-facade.ts';
import { rejectionOf } from '../rejection.ts';
import { errorOf, keepLog, type KeptLog } from './log-lines.ts';

const request: AuthRequest = { requestId: '1', method: 'GET', address: '127.0.0.1', access: [] };
const report: ResponseReport = {
  requestId: '1',
  method: 'GET',
  endpoint: 'base',
  status: 200,
  bytes: 2,
  receivedBytes: 0,
  milliseconds: 1,
};
const event: RegistryEvent = {
  id: '1',
  action: 'push',
  time: '2026-01-01T00:00:00.000Z',
  repository: 'library/alpine',
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: 'sha256:00', size: 1 },
  kind: 'manifest',
  address: '127.0.0.1',
  requestId: '1',
  method: 'PUT',
};

const submission: ManifestSubmission = {
  repository: 'library/alpine',
  tags: ['3.22'],
  digest: 'sha256:00',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  bytes: Buffer.from('{}'),
  json: {},
  blobs: [],
  manifests: [],
  subject: undefined,
  identity: undefined,
  readBlob: async () => undefined,
  warn: () => undefined,
};

describe('What plugins hold of the hooks', () => {
  let hooks: Hooks;
  let facade: HookFacade;
  let kept: KeptLog;
  let held: PluginHooks;
  /** The same, as plain JavaScript sees it. */
  let untyped: Readonly<Record<string, { tap(name: string, fn: unknown): void }>>;
  beforeEach(async () => {
    hooks = createHooks();
    facade = new HookFacade(hooks);
    kept = await keepLog();
    held = facade.for('auth-static', kept.log);
    untyped = { ...held };
  });

  it('is every hook there is', () => {
    expect(Object.keys(held)).to.deep.equal(Object.keys(hooks));
  });

  it('can be tapped, and neither called, intercepted nor changed', () => {
    const async = [
      'authenticate',
      'authorize',
      'admit',
      'validateManifest',
      'record',
      'event',
      'audit',
      'response',
    ];
    for (const [name, hook] of Object.entries(untyped)) {
      expect(Object.keys(hook)).to.deep.equal(async.includes(name) ? ['tap', 'tapPromise'] : ['tap']);
      expect(hook).to.be.frozen;
    }
    expect(() => void Object.assign(held, { event: undefined })).to.throw(TypeError);
  });

  it('does not use a hook by being held', () => {
    for (const hook of Object.values(hooks)) expect(hook.isUsed()).to.equal(false);
  });

  it('names all hooks when asked for one that does not exist', () => {
    expect(() => void Reflect.get(held, 'authentikate')).to.throw(
      "plugin auth-static asks for the hook 'authentikate', which does not exist; the hooks are storage, wrapStorage, certificate, middleware, diagnostics, retention, trace, " +
        'authenticate, authorize, challenge, admit, validateManifest, change, record, event, audit, response',
    );
  });

  it('cannot be tapped once it is sealed', () => {
    facade.seal();
    for (const [name, hook] of Object.entries(untyped)) {
      expect(() => hook.tap('auth-static', () => undefined)).to.throw(
        `plugin auth-static taps the hook '${name}' too late: hooks are tapped in setup alone`,
      );
    }
  });

  it('cannot be tapped with what is no function', () => {
    expect(() => untyped['event']?.tap('auth-static', 'webhook')).to.throw(
      "plugin auth-static taps the hook 'event' with something that is no function",
    );
  });

  it('adds taps under the name of the plugin, whatever name they give', () => {
    held.middleware.tap('somebody', () => undefined);
    held.authorize.tapPromise('somebody', async () => true);
    expect(hooks.middleware.taps.map(({ name }) => name)).to.deep.equal(['auth-static']);
    expect(hooks.authorize.taps.map(({ name }) => name)).to.deep.equal(['auth-static']);
  });

  it('passes the answers of taps on', async () => {
    held.authenticate.tap('auth-static', ({ bearer }) => (bearer === 't' ? { subject: 'robot' } : undefined));
    held.authenticate.tapPromise('auth-static', async () => ({ subject: 'second' }));
    held.challenge.tap('auth-static', (challenges) => [...challenges, 'Bearer realm="r"']);
    expect(await hooks.authenticate.promise({ ...request, bearer: 't' })).to.deep.equal({ subject: 'robot' });
    expect(await hooks.authenticate.promise(request)).to.deep.equal({ subject: 'second' });
    expect(hooks.challenge.call(['Basic'], [])).to.deep.equal(['Basic', 'Bearer realm="r"']);
  });

  it('passes the errors of taps on, where they decide', async () => {
    held.validateManifest.tapPromise('auth-static', async () => {
      throw new Error('unsigned');
    });
    expect((await rejectionOf(hooks.validateManifest.promise(submission))).message).to.equal('unsigned');
  });

  it('waits for an async function given to tap, so that no promise passes for an identity', async () => {
    untyped['authenticate']?.tap('auth-static', async () => undefined);
    expect(await hooks.authenticate.promise(request)).to.equal(undefined);
  });

  it('refuses a promise where the answer is needed at once', () => {
    untyped['challenge']?.tap('auth-static', async () => []);
    expect(() => hooks.challenge.call([], [])).to.throw(
      "plugin auth-static fails in the hook 'challenge': it answers with a promise",
    );
  });

  it('keeps event taps apart: one that fails is logged, and the others hear the event', async () => {
    const heard: string[] = [];
    held.event.tap('auth-static', () => {
      throw new Error('sink is down');
    });
    held.event.tapPromise('auth-static', async () => {
      throw new Error('sink is gone');
    });
    facade.for('events-log', kept.log).event.tapPromise('events-log', async ({ id }) => {
      heard.push(id);
    });
    await hooks.event.promise(event);
    expect(heard).to.deep.equal(['1']);
    expect(kept.lines.map((line) => [line['level'], line['hook'], errorOf(line)])).to.deep.equal([
      ['error', 'event', 'sink is down'],
      ['error', 'event', 'sink is gone'],
    ]);
  });

  it('keeps response taps apart, and catches those that are async', async () => {
    const heard: number[] = [];
    held.response.tap('auth-static', () => {
      throw new Error('no counter');
    });
    untyped['response']?.tap('auth-static', async () => {
      throw new Error('no late counter');
    });
    held.response.tap('auth-static', ({ status }) => {
      heard.push(status);
    });
    hooks.response.call(report);
    expect(heard).to.deep.equal([200]);
    await Promise.resolve();
    expect(kept.lines.map(errorOf)).to.deep.equal(['no counter', 'no late counter']);
  });
});
