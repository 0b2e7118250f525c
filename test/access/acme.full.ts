import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { client } from '../clients/client.ts';
import { writeImageLayout } from '../clients/image-layout.ts';
import { RunningRegistry } from '../e2e/running-registry.ts';
import { startPebble, type Pebble } from '../servers/pebble.ts';
import { freePort } from '../servers/program.ts';

describe('A registry that gets its certificate by ACME', () => {
  let folder: string;
  let plainPort: number;
  let pebble: Pebble;
  let registry: RunningRegistry | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-acme-'));
    plainPort = await freePort();
    pebble = await startPebble(plainPort);
    // Where Node.js looks for CAs besides those it knows.
    process.env['NODE_EXTRA_CA_CERTS'] = pebble.caFile;
  });
  afterEach(async () => {
    await registry?.stop();
    registry = undefined;
  });
  after(async () => {
    Reflect.deleteProperty(process.env, 'NODE_EXTRA_CA_CERTS');
    await pebble.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<RunningRegistry> {
    const config = join(folder, 'registry.config.mjs');
    const [storage, acme] = ['storage-filesystem', 'acme'].map((name) =>
      JSON.stringify(import.meta.resolve(`@entrepot/${name}`)),
    );
    const options = { domains: ['localhost'], directoryUrl: pebble.directoryUrl, agreeToTerms: true };
    const http = { port: 0, redirectPort: plainPort, workers: 2, tls: {} };
    await writeFile(
      config,
      `import storage from ${storage};\nimport acme from ${acme};\n` +
        `export default { http: ${JSON.stringify(http)}, plugins: [storage({ root: './storage' }), acme(${JSON.stringify(options)})] };\n`,
    );
    registry = new RunningRegistry(config, folder);
    return registry;
  }

  it('orders it once for all workers, and clients push and pull over it', async () => {
    const running = await start();
    const { port } = new URL(await running.url());
    await running.line(({ msg }) => msg === 'a certificate was issued');
    for (const worker of [1, 2]) {
      await running.line((line) => line['msg'] === 'a certificate is shown' && line['worker'] === worker);
    }
    const issued = running.lines.filter(({ msg }) => msg === 'a certificate was issued');
    expect(issued).to.have.lengthOf(1);

    const layout = await writeImageLayout(join(folder, 'layout'), 'acme');
    await mkdir(join(folder, 'trusting'));
    await writeFile(join(folder, 'trusting', 'ca.crt'), pebble.root);
    const skopeo = client('skopeo', folder);
    const target = `docker://localhost:${port}/team/app:1`;
    await skopeo('copy', '--dest-cert-dir', join(folder, 'trusting'), `oci:${layout.folder}:image`, target);
    for (let time = 0; time < 3; time += 1) {
      await skopeo('inspect', '--cert-dir', join(folder, 'trusting'), target);
    }
  });

  it('has it after a restart, without asking for another', async () => {
    const running = await start();
    const { port } = new URL(await running.url());
    for (const worker of [1, 2]) {
      await running.line((line) => line['msg'] === 'a certificate is shown' && line['worker'] === worker);
    }
    const skopeo = client('skopeo', folder);
    const target = `docker://localhost:${port}/team/app:1`;
    await skopeo('inspect', '--cert-dir', join(folder, 'trusting'), target);
    expect(running.lines.map(({ msg }) => msg)).to.not.include('a certificate was issued');
  });

  it('answers the CA alone on the port for plain HTTP, and redirects the rest', async () => {
    const running = await start();
    const { port } = new URL(await running.url());
    for (const path of ['/.well-known/acme-challenge/unknown', '/.well-known/acme-challenge/../x', '/v2/']) {
      const answer = await fetch(`http://localhost:${plainPort}${path}`, { redirect: 'manual' });
      expect(answer.status).to.equal(308);
      expect(answer.headers.get('location')).to.match(new RegExp(`^https://localhost:${port}/`));
    }
  });
});
