import { expect } from 'chai';
import type { Plugin, PluginHooks } from '@entrepot/plugin-sdk';
import storageMemory from '@entrepot/storage-memory';
import { createRegistry, type Registry } from '../../src/registry.ts';
import { keepLog, type KeptLog } from '../plugins/log-lines.ts';
import { plugin } from '../plugins/sample-plugins.ts';
import { rejectionOf } from '../rejection.ts';

describe('The address for operators', () => {
  const running: Registry[] = [];
  let kept: KeptLog;
  beforeEach(async () => {
    kept = await keepLog();
  });
  afterEach(() => Promise.all(running.splice(0).map((registry) => registry.stop())));

  async function serve(
    settings: { readonly host?: string; readonly debug?: boolean },
    ...plugins: readonly Plugin[]
  ) {
    const registry = await createRegistry(
      { http: { port: 0 }, diagnostics: { port: 0, ...settings }, plugins: [storageMemory(), ...plugins] },
      { log: kept.log },
    );
    running.push(registry);
    const { url } = await registry.start();
    return { registry, url, diagnostics: registry.diagnostics?.url };
  }
  const showing = (tap: Parameters<PluginHooks['diagnostics']['tap']>[1]): Plugin =>
    plugin('shown', ({ name, hooks }) => hooks.diagnostics.tap(name, tap));

  it('is not listened on when there is nothing to show', async () => {
    expect((await serve({})).diagnostics).to.equal(undefined);
  });

  it('shows what plugins add, and nothing of it where clients are served', async () => {
    const { url, diagnostics } = await serve(
      {},
      showing((routes) => routes.get('/shown', (_request, response) => void response.end('here'))),
    );
    expect(await (await fetch(`${diagnostics}/shown?x=1`)).text()).to.equal('here');
    expect((await fetch(`${url}/shown`)).status).to.equal(404);
    expect(kept.lines.find(({ msg }) => msg === 'the registry serves')).to.include({ diagnostics });
  });

  it('says at /readyz why a plugin is not well, which clients are not told', async () => {
    const { url, diagnostics } = await serve(
      { debug: true },
      plugin('ill', () => ({ health: () => Promise.reject(new Error('no route to 10.0.0.1')) })),
    );
    const told = { name: 'ill', healthy: false };
    const forOperators: unknown = await (await fetch(`${diagnostics}/readyz`)).json();
    expect(forOperators).to.have.deep.nested.property('plugins[1]', {
      ...told,
      reason: 'no route to 10.0.0.1',
    });
    const forClients = await fetch(`${url}/readyz`);
    expect(forClients.status).to.equal(503);
    expect(await forClients.json()).to.have.deep.nested.property('plugins[1]', told);
  });

  it('answers what is nothing, what cannot be done, and what fails, without a stack', async () => {
    const { diagnostics } = await serve(
      {},
      showing((routes) => {
        routes.get('/fails', () => Promise.reject(new Error('EIO of /secret')));
      }),
    );
    const nowhere = await fetch(`${diagnostics}/`);
    expect([nowhere.status, await nowhere.text()]).to.satisfy(
      ([status, body]: [number, string]) => status === 404 && body.includes('/livez, /readyz, /fails'),
    );
    expect((await fetch(`${diagnostics}/fails`, { method: 'POST' })).status).to.equal(405);
    const failed = await fetch(`${diagnostics}/fails`);
    expect(failed.status).to.equal(500);
    expect(await failed.text())
      .to.not.include('EIO')
      .and.not.include('secret');
    expect(kept.lines.find(({ msg }) => msg === 'a request has failed')).to.have.nested.property(
      'err.message',
    );
  });

  it('has figures and profiles for who debugs, on this machine alone', async () => {
    const { diagnostics } = await serve({ debug: true });
    expect(await (await fetch(`${diagnostics}/debug/figures`)).json()).to.include({
      pid: process.pid,
      uploads: 0,
    });
    const profile: unknown = await (await fetch(`${diagnostics}/debug/cpu-profile?seconds=0.05`)).json();
    expect(profile).to.have.property('nodes').that.is.an('array');
    for (const seconds of ['0', '61', 'x'])
      expect((await fetch(`${diagnostics}/debug/cpu-profile?seconds=${seconds}`)).status).to.equal(400);
    const error = await rejectionOf(serve({ debug: true, host: '0.0.0.0' }));
    expect(error.message).to.include('set diagnostics.host to 127.0.0.1, not 0.0.0.0');
  });

  it('refuses two plugins one path, and says whose it is not', async () => {
    const twice = showing((routes) => routes.get('/readyz', () => undefined));
    expect((await rejectionOf(serve({}, twice))).message).to.equal(
      "plugin shown fails in the hook 'diagnostics': the endpoint /readyz is there already",
    );
  });
});
