import { expect } from 'chai';
import { createHooks, definePlugin, OptionsError, type JSONSchemaType } from '@entrepot/plugin-sdk';
import { defineConfig } from '../../src/config/define-config.ts';
import { resolveConfig, type ConfigOrigin } from '../../src/config/resolve-config.ts';
import { HookFacade } from '../../src/plugins/hook-facade.ts';
import { keepLog } from '../plugins/log-lines.ts';
import { htpasswd, plugin } from '../plugins/sample-plugins.ts';
import { rejectionOf } from '../rejection.ts';

async function problemsOf(input: unknown, origin?: ConfigOrigin): Promise<readonly string[]> {
  const error = await rejectionOf(resolveConfig(input, origin));
  if (!(error instanceof OptionsError)) throw error;
  return error.problems;
}

describe('resolveConfig', () => {
  it('fills the defaults in', async () => {
    const config = await resolveConfig({});
    expect(config.http).to.deep.include({ host: '127.0.0.1', port: 5000, drainTimeout: 25 });
    expect(config.log).to.deep.equal({
      level: 'info',
      format: 'auto',
      levels: {},
      access: true,
      accessFormat: 'fields',
      pullShare: 1,
    });
    expect(config.manifests).to.deep.equal({ maxBytes: 4_194_304, mayLack: 'nothing' });
    expect(config.deletes.enabled).to.equal(true);
    expect(config.plugins).to.deep.equal([]);
  });

  it('keeps what the user has written, and the defaults beside it', async () => {
    const config = await resolveConfig({ http: { port: 8080 }, manifests: { mayLack: 'children' } });
    expect(config.http).to.deep.include({ host: '127.0.0.1', port: 8080 });
    expect(config.manifests).to.deep.equal({ maxBytes: 4_194_304, mayLack: 'children' });
  });

  it('lets overrides win over the configuration, and the configuration over the defaults', async () => {
    const written = { http: { host: '0.0.0.0', port: 8080 } };
    const config = await resolveConfig(written, {
      overrides: { http: { port: 9090 }, log: { level: 'debug' } },
    });
    expect(config.http).to.deep.include({ host: '0.0.0.0', port: 9090, drainTimeout: 25 });
    expect(config.log.level).to.equal('debug');
  });

  it('takes a number of workers or auto, and nothing else', async () => {
    expect((await resolveConfig({})).http.workers).to.equal(1);
    expect((await resolveConfig({ http: { workers: 4 } })).http.workers).to.equal(4);
    expect((await resolveConfig({ http: { workers: 'auto' } })).http.workers).to.equal('auto');
    for (const workers of [0, 257, 1.5, 'all', null]) {
      expect(await problemsOf({ http: { workers } }), String(workers)).to.have.lengthOf(1);
    }
  });

  it('freezes the result to its leaves and leaves the input as it was', async () => {
    const written = { http: { port: 8080 }, plugins: [htpasswd({ file: 'users' })] };
    const config = await resolveConfig(written);
    for (const part of [config, config.http, config.log, config.manifests, config.cache, config.plugins]) {
      expect(part).to.be.frozen;
    }
    expect(written).to.not.be.frozen;
    expect(written.http).to.deep.equal({ port: 8080 }).and.not.be.frozen;
    expect(written.plugins[0]?.options).to.deep.equal({ file: 'users' });
  });

  it('returns what has been resolved before as it is', async () => {
    const config = await resolveConfig({ plugins: [plugin('storage-none')] });
    expect(await resolveConfig(config)).to.equal(config);
  });

  it('refuses unknown keys, naming the path and the known ones', async () => {
    const [top] = await problemsOf({ https: {} });
    expect(top)
      .to.include("unknown key 'https'")
      .and.include('http, log, diagnostics, manifests')
      .and.include('plugins');
    const [inner] = await problemsOf({ http: { prot: 1 } });
    expect(inner).to.include("config: http has an unknown key 'prot'").and.include('host, port');
  });

  it('refuses wrong types and values, naming the path and what is allowed', async () => {
    const problems = await problemsOf({
      http: { port: '5000' },
      log: { level: 'verbose' },
      manifests: { maxBytes: 17 * 1024 * 1024 },
    });
    expect(problems).to.deep.equal([
      'config: http.port must be of type integer',
      'config: log.level must be one of ["trace","debug","info","warn","error","fatal","silent"]',
      'config: manifests.maxBytes must be <= 15728640',
    ]);
  });

  it('refuses what is no object, and groups that are none whatever the overrides say', async () => {
    expect(await problemsOf('nothing')).to.deep.equal(['config: the configuration must be an object']);
    expect(await problemsOf([])).to.deep.equal(['config: the configuration must be an object']);
    expect(await problemsOf({ http: 5000 }, { overrides: { http: { port: 1 } } })).to.deep.equal([
      'config: http must be of type object',
    ]);
    expect(await problemsOf({ plugins: 'storage-memory' })).to.deep.equal([
      'config: plugins must be of type array',
    ]);
  });

  it('begins messages with the name of the file, when there is one', async () => {
    const origin = { file: '/etc/registry/registry.config.js' };
    expect(await problemsOf({ http: { port: -1 } }, origin)).to.deep.equal([
      'registry.config.js: http.port must be >= 0',
    ]);
  });

  it('tells the mistakes of the settings and of all plugins at once', async () => {
    const problems = await problemsOf({
      http: { port: -1 },
      plugins: [plugin('storage-none'), htpasswd({ rounds: 1 }), 7],
    });
    expect(problems).to.deep.equal([
      'config: http.port must be >= 0',
      "config: plugins[1] auth-htpasswd: options must have required property 'file'",
      'config: plugins[1] auth-htpasswd: rounds must be >= 4',
      "config: plugins[2] must be a plugin, or { use: '<package>', options: { … } }",
    ]);
  });
});

describe('The plugins of a configuration', () => {
  it('are named in the order in which they are written, without falsy entries', async () => {
    const { plugins } = await resolveConfig({
      plugins: [false, plugin('storage-none'), undefined, null, '', plugin('metrics')],
    });
    expect(plugins.map(({ name }) => name)).to.deep.equal(['storage-none', 'metrics']);
  });

  it('are counted as they are written, falsy entries included', async () => {
    const [problem] = await problemsOf({
      plugins: [false, null, htpasswd({ file: 'users', realm: 'test' })],
    });
    expect(problem).to.equal('config: plugins[2] auth-htpasswd: realm must be one of ["registry","staging"]');
  });

  it('are refused options of the wrong type and unknown ones', async () => {
    const problems = await problemsOf({ plugins: [htpasswd({ file: 7, path: 'users' })] });
    expect(problems).to.deep.equal([
      "config: plugins[0] auth-htpasswd: options has an unknown key 'path'; known keys: file, realm, rounds",
      'config: plugins[0] auth-htpasswd: file must be of type string',
    ]);
  });

  it('may not share a name', async () => {
    const problems = await problemsOf({ plugins: [plugin('metrics'), false, plugin('metrics')] });
    expect(problems).to.deep.equal([
      'config: plugins[2] metrics: there is a plugin of this name at plugins[0]; remove one of them',
    ]);
  });

  it('have to be called: a factory is refused by its name', async () => {
    const schema: JSONSchemaType<object> = { type: 'object' };
    const factory = definePlugin<object>({ name: 'metrics', schema, setup: () => undefined });
    expect(await problemsOf({ plugins: [factory] })).to.deep.equal([
      'config: plugins[0] is a function; call it to get the plugin: metrics({ … })',
    ]);
  });

  it('are refused when made for another version of the plugin API', async () => {
    const [problem] = await problemsOf({ plugins: [{ ...plugin('metrics'), apiVersion: 2 }] });
    expect(problem).to.include('plugins[0] metrics').and.include('version 2').and.include('has version 1');
  });

  it('are refused when their schema is none', async () => {
    const [problem] = await problemsOf({ plugins: [{ ...plugin('metrics'), schema: { type: 'nonsense' } }] });
    expect(problem).to.include('plugins[0] metrics: the schema of its options is not valid');
  });

  it('get options that are complete and frozen', async () => {
    const seen: unknown[] = [];
    const { plugins } = await resolveConfig({
      plugins: [htpasswd({ file: 'users' }, ({ options }) => seen.push(options))],
    });
    const { log } = await keepLog();
    const hooks = new HookFacade(createHooks()).for('auth-htpasswd', log);
    const decisions = {
      clientOf: () => ({ address: '127.0.0.1' }),
      identify: async () => undefined,
      permits: async () => false,
    };
    const alone = { worker: undefined, answer: () => undefined, ask: async () => [] };
    const figures = (): never => {
      throw new Error('nothing is counted');
    };
    const unserved = {
      storage: () => undefined,
      async *usage() {},
      audit: () => undefined,
    };
    const context = { hooks, log, decisions, figures, siblings: alone, inherited: undefined, ...unserved };
    for (const loaded of plugins) loaded.setup(context);
    expect(seen).to.deep.equal([{ file: 'users', realm: 'registry', rounds: 10 }]);
    expect(seen[0]).to.be.frozen;
  });
});

describe('defineConfig', () => {
  it('returns what it is given', () => {
    const config = { http: { port: 0 } };
    expect(defineConfig(config)).to.equal(config);
  });
});
