import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseLine, type LogLine } from '../plugins/log-lines.ts';
import { openConnection, type RawConnection } from '../raw-connection.ts';
import { createScratchFolder, type ScratchFolder } from '../scratch-folder.ts';

const bin = fileURLToPath(new URL('../../bin/registry.js', import.meta.url));

const memoryConfig = `import { defineConfig } from '@entrepot/core';
import storageMemory from '@entrepot/storage-memory';
export default defineConfig({ http: { port: 0 }, plugins: [storageMemory()] });
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('The command line', () => {
  let folder: ScratchFolder;
  const started: ChildProcessByStdio<null, Readable, Readable>[] = [];
  beforeEach(async () => {
    folder = await createScratchFolder();
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    await folder.remove();
  });

  function launch(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
    // Without the condition that tests run with: the command line has to find the sources of a checkout by itself.
    const env = { ...process.env, NODE_OPTIONS: '' };
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder.path,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    return child;
  }

  async function run(...args: string[]): Promise<Ended> {
    const child = launch(...args);
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await ended;
    return { code: child.exitCode, stdout, stderr };
  }

  /** A started registry: its log so far is read up to the line that says where it serves. */
  async function serve(...args: string[]) {
    const child = launch('start', ...args);
    const exited = once(child, 'close');
    const lines: LogLine[] = [];
    let rest = '';
    const served = new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) lines.push(parseLine(part));
        if (lines.some(({ msg }) => msg === 'the registry serves')) resolve();
      });
      void exited.then(() => reject(new Error('it has ended before it served')));
    });
    await served;
    const url = String(lines.find(({ msg }) => msg === 'the registry serves')?.['url']);
    return { child, url, lines, exited };
  }

  describe('registry', () => {
    it('tells its commands', async () => {
      const { code, stdout } = await run('--help');
      expect(code).to.equal(0);
      for (const command of ['start', 'check', 'init']) expect(stdout).to.include(command);
    });

    it('tells its version', async () => {
      const { version } = parseLine(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
      expect(await run('--version')).to.deep.equal({ code: 0, stdout: `${String(version)}\n`, stderr: '' });
    });

    it('refuses unknown commands and options, and tells the one that was meant', async () => {
      const [command, option] = await Promise.all([run('strat'), run('start', '--prot', '1')]);
      expect([command.code, option.code]).to.deep.equal([1, 1]);
      expect(command.stderr).to.include('start');
      expect(option.stderr).to.include("unknown option '--prot'").and.include('--port');
    });
  });

  describe('registry start', () => {
    it('serves with the configuration of the folder, and tells where, from which file and with which storage', async () => {
      await folder.write({ 'registry.config.mjs': memoryConfig });
      const { url, lines } = await serve();
      expect((await fetch(`${url}/v2/`)).status).to.equal(200);
      expect(lines[0]).to.deep.include({
        config: join(folder.path, 'registry.config.mjs'),
        node: process.version,
      });
      expect(lines[1]).to.deep.include({ url, storage: 'storage-memory', plugins: ['storage-memory'] });
    });

    it('serves with the configuration it is given, and flags win over it', async () => {
      await folder.write({
        'etc/test.json': '{ "http": { "port": 1 }, "plugins": [{ "use": "@entrepot/storage-memory" }] }',
      });
      const { url } = await serve(
        '--config',
        'etc/test.json',
        '--port',
        '0',
        '--host',
        '127.0.0.2',
        '--log-level',
        'debug',
      );
      expect(new URL(url).hostname).to.equal('127.0.0.2');
      expect((await fetch(`${url}/livez`)).status).to.equal(200);
    });

    /** An upload of nine bytes that has arrived and of which the bytes are still to come. */
    async function upload(url: string): Promise<RawConnection> {
      const begun = await fetch(`${url}/v2/library/alpine/blobs/uploads/`, { method: 'POST' });
      const { pathname, search } = new URL(begun.headers.get('location') ?? '', url);
      const connection = await openConnection(url);
      connection.send(
        `PATCH ${pathname}${search} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`,
      );
      await connection.until('100 Continue');
      return connection;
    }

    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`stops on ${signal} with code 0, after the request in flight`, async () => {
        await folder.write({ 'registry.config.mjs': memoryConfig });
        const { child, url, lines, exited } = await serve();
        const connection = await upload(url);
        child.kill(signal);
        while (!lines.some(({ signal: seen }) => seen === signal)) await once(child.stdout, 'data');
        connection.send('the whole');
        expect(await connection.received).to.match(/HTTP\/1\.1 202 .*Range: 0-8\r\n.*Connection: close/is);
        expect(await exited).to.deep.equal([0, null]);
        expect(lines.at(-1)).to.deep.include({ msg: 'the registry has stopped' });
      });
    }

    it('ends at once on a second signal, with the code of that signal', async () => {
      await folder.write({ 'registry.config.mjs': memoryConfig });
      const { child, url, lines, exited } = await serve();
      const connection = await upload(url);
      child.kill('SIGTERM');
      while (!lines.some(({ signal }) => signal === 'SIGTERM')) await once(child.stdout, 'data');
      child.kill('SIGINT');
      expect(await exited).to.deep.equal([130, null]);
      expect(await connection.received).to.not.include('HTTP/1.1 2');
    });

    it('refuses to start without a configuration, and shows the lines of one', async () => {
      const { code, stdout, stderr } = await run('start');
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr)
        .to.match(/^registry: there is no configuration in /)
        .and.include('export default defineConfig({');
    });

    it('refuses to start on a port in use, in one sentence', async () => {
      await folder.write({ 'registry.config.mjs': memoryConfig });
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = other.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      try {
        const { code, stderr } = await run('start', '--port', String(port));
        expect(code).to.equal(1);
        expect(stderr).to.equal(
          `registry: port ${port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port or http.port\n`,
        );
      } finally {
        other.close();
      }
    });

    it('shows a stack to those who debug, and to nobody else', async () => {
      await folder.write({ 'registry.config.json': '{}' });
      const [plain, debug] = await Promise.all([run('start'), run('start', '--log-level', 'debug')]);
      expect([plain.code, debug.code]).to.deep.equal([1, 1]);
      expect(plain.stderr)
        .to.include('no plugin gives a storage')
        .and.not.match(/^\s+at /m);
      expect(debug.stderr)
        .to.include('no plugin gives a storage')
        .and.match(/^\s+at /m);
    });

    it('refuses flags with mistakes', async () => {
      const [port, level] = await Promise.all([
        run('start', '--port', '70000'),
        run('start', '--log-level', 'loud'),
      ]);
      expect([port.code, level.code]).to.deep.equal([1, 1]);
      expect(port.stderr).to.include('from 0 to 65535');
      expect(level.stderr).to.include('debug, info');
    });
  });

  describe('registry check', () => {
    it('tells what would be started, and starts nothing', async () => {
      await folder.write({
        'registry.config.mjs': `const plugin = {
  apiVersion: 1, name: 'metrics', schema: { type: 'object' }, options: {},
  setup: () => ({ start() { throw new Error('started'); } }),
};
import storageMemory from '@entrepot/storage-memory';
export default { http: { host: '0.0.0.0', port: 1 }, plugins: [storageMemory(), plugin] };`,
      });
      const { code, stdout, stderr } = await run('check');
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.include(join(folder.path, 'registry.config.mjs')).and.include('0.0.0.0, port 1');
      expect(stdout).to.include('storage-memory, metrics');
    });

    it('tells every mistake, with code 1', async () => {
      await folder.write({
        'registry.config.json': JSON.stringify({
          http: { port: 'five' },
          log: { level: 'loud' },
          plugins: [{ use: '@entrepot/storage-nowhere' }],
        }),
      });
      const { code, stdout, stderr } = await run('check');
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr.split('\n')).to.deep.equal([
        'registry: registry.config.json: http.port must be of type integer',
        'registry.config.json: log.level must be one of ["trace","debug","info","warn","error","fatal","silent"]',
        "registry.config.json: plugins[0]: the package '@entrepot/storage-nowhere' is not installed; run: npm install @entrepot/storage-nowhere",
        '',
      ]);
    });
  });

  describe('registry init', () => {
    it('writes a configuration that is good, without asking', async () => {
      const { code, stdout } = await run('init');
      expect(code).to.equal(0);
      expect(stdout).to.include('registry.config.js is written').and.include('npx registry start');
      expect(await readFile(join(folder.path, 'registry.config.js'), 'utf8')).to.include(
        'storageFilesystem({ root: "./.registry" })',
      );
      const checked = await run('check');
      expect([checked.code, checked.stderr]).to.deep.equal([0, '']);
      expect(checked.stdout).to.include('127.0.0.1, port 5000').and.include('storage-filesystem');
    });

    it('names it .mjs where .js would be CommonJS', async () => {
      await folder.write({ 'package.json': '{ "type": "commonjs" }' });
      expect((await run('init')).stdout).to.include('registry.config.mjs is written');
      expect((await run('check')).code).to.equal(0);
    });

    it('leaves a configuration alone unless it is forced', async () => {
      await folder.write({ 'registry.config.js': 'export default {};' });
      const refused = await run('init');
      expect([refused.code, refused.stdout]).to.deep.equal([1, '']);
      expect(refused.stderr).to.include('registry.config.js is there already; --force writes it anew');
      expect(await readFile(join(folder.path, 'registry.config.js'), 'utf8')).to.equal('export default {};');
      expect((await run('init', '--force')).code).to.equal(0);
      expect(await readFile(join(folder.path, 'registry.config.js'), 'utf8')).to.include('storageFilesystem');
    });

    it('does not write one beside another that would hide it', async () => {
      await folder.write({ '.registryrc.yaml': 'http: {}' });
      const { code, stderr } = await run('init', '--force');
      expect(code).to.equal(1);
      expect(stderr).to.include('.registryrc.yaml is there already; remove it before');
      expect(await readdir(folder.path)).to.have.members(['.registryrc.yaml', 'node_modules']);
    });
  });
});
