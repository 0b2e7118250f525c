import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { client, type Client } from '../clients/client.ts';
import { writeImageLayout, type ImageLayout } from '../clients/image-layout.ts';
import { RunningRegistry, type LogLine } from '../e2e/running-registry.ts';
import { root } from '../house/workspace.ts';
import { createCa, issueCertificate, type Certificate } from '../servers/certificates.ts';
import { refusalOf } from './token-clients.ts';

const execute = promisify(execFile);
const executable = join(root, 'core/bin/registry.js');

const ca = createCa('Servers');
const clientCa = createCa('Clients');

describe('A registry with TLS', () => {
  let folder: string;
  let layout: ImageLayout;
  let skopeo: Client;
  let registry: RunningRegistry | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-tls-'));
    layout = await writeImageLayout(join(folder, 'layout'), 'tls');
    await writeFile(join(folder, 'auth.json'), '{}');
    skopeo = client('skopeo', folder, { REGISTRY_AUTH_FILE: join(folder, 'auth.json') });
    await writeFile(join(folder, 'clients.crt'), clientCa.cert);
    await putServer('first');
  });
  afterEach(async () => {
    await registry?.stop();
    registry = undefined;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function putServer(CN: string): Promise<void> {
    const names = ['DNS:localhost', 'IP:127.0.0.1'];
    const { cert, key } = issueCertificate({ subject: { CN }, names, issuer: ca, use: 'server' });
    await writeFile(join(folder, 'registry.crt'), cert);
    await writeFile(join(folder, 'registry.key'), key);
  }

  /** A folder as `--cert-dir` wants it. */
  async function certificates(name: string, shown?: Certificate): Promise<string> {
    const place = join(folder, name);
    await mkdir(place);
    await writeFile(join(place, 'ca.crt'), ca.cert);
    if (shown !== undefined) {
      await writeFile(join(place, 'client.cert'), shown.cert);
      await writeFile(join(place, 'client.key'), shown.key);
    }
    return place;
  }

  /** Starts a configuration that is written in these words, beside the files. */
  async function start(config: string): Promise<{ running: RunningRegistry; host: string }> {
    const file = join(folder, 'registry.config.mjs');
    await writeFile(file, config);
    registry = new RunningRegistry(file, folder);
    return { running: registry, host: new URL(await registry.url()).host };
  }

  const message = (wanted: string) => (line: LogLine) => line['msg'] === wanted;
  const storage = import.meta.resolve('@entrepot/storage-filesystem');
  const files = { cert: './registry.crt', key: './registry.key' };

  it('serves with workers, redirects to https, and takes a new certificate over while clients push and pull', async () => {
    const example = join(root, 'docs/examples/tls.config.js');
    const { running, host } = await start(`
      import example from ${JSON.stringify(pathToFileURL(example).href)};
      import storage from ${JSON.stringify(storage)};
      const http = { ...example.http, host: '127.0.0.1', port: 0, redirectPort: 0, workers: 2 };
      export default { http: { ...http, tls: ${JSON.stringify(files)} }, plugins: [storage({ root: './storage' })] };
    `);
    expect(await running.url()).to.match(/^https:/);
    const trusting = await certificates('trusting');
    const target = `docker://${host}/team/app:1`;
    const push = (): Promise<string> =>
      skopeo('copy', '--dest-cert-dir', trusting, `oci:${layout.folder}:image`, target);
    await push();

    const before = running.lines.length;
    await putServer('second');
    const reread = message('a certificate is shown');
    for (const worker of [1, 2]) {
      await running.line((line) => reread(line) && line['worker'] === worker, before);
      await skopeo('inspect', '--cert-dir', trusting, target);
    }
    for (let time = 0; time < 4; time += 1) expect(await shownAt(host)).to.equal('second');
    await push();

    const { stdout } = await execute(
      process.execPath,
      [executable, 'check', '--config', 'registry.config.mjs'],
      {
        cwd: folder,
        env: { ...process.env, NODE_OPTIONS: '' },
      },
    );
    expect(stdout).to.match(/^ {2}TLS +DNS:localhost, IP Address:127\.0\.0\.1, until \d{4}-/m);

    const { port } = await running.line(message('plain HTTP is redirected to https'));
    const redirect = await fetch(`http://127.0.0.1:${Number(port)}/v2/?a=b`, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).to.deep.equal([
      308,
      `https://${host}/v2/?a=b`,
    ]);
    expect(await refusalOf(skopeo('inspect', target))).to.match(/certificate signed by unknown authority/);
  });

  it('lets those push and pull whose client certificate it knows, and nobody else, as docs/access.md says', async () => {
    const example = join(root, 'docs/examples/access/certificates.config.js');
    const { running, host } = await start(`
      import example from ${JSON.stringify(pathToFileURL(example).href)};
      export default { ...example, http: { ...example.http, host: '127.0.0.1', port: 0 } };
    `);
    const target = `docker://${host}/team/app:1`;
    const as = (CN: string, ...OU: readonly string[]): Certificate =>
      issueCertificate({ subject: { CN, OU }, issuer: clientCa, use: 'client' });
    const robot = await certificates('robot', as('build-7', 'ci'));
    const alice = await certificates('alice', as('alice'));
    const stranger = await certificates(
      'stranger',
      issueCertificate({ subject: { CN: 'build-7', OU: ['ci'] } }),
    );
    const nobody = await certificates('nobody');
    const push = (from: string): Promise<string> =>
      skopeo('copy', '--dest-cert-dir', from, `oci:${layout.folder}:image`, target);

    await push(robot);
    await skopeo('inspect', '--cert-dir', alice, target);
    expect(await refusalOf(push(alice))).to.match(/alice may not push to team\/app/);
    for (const from of [stranger, nobody]) expect(await refusalOf(push(from))).to.match(/unauthorized|401/i);
    const actors = running.lines.filter(message('request')).map(({ actor }) => actor);
    expect(actors).to.include.members(['build-7', 'alice']);
  });

  async function shownAt(host: string): Promise<unknown> {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(`https://${host}`).port), ca: ca.cert });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  }
});
