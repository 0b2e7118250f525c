import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createRegistry, loadConfig, type RegistryConfig, type ResolvedConfig } from '@entrepot/core';
import type { Plugin } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { convertDistributionConfig } from '../../core/src/conversion/distribution-config.ts';

const executable = fileURLToPath(new URL('../../core/bin/registry.js', import.meta.url));
const least = "version: 0.1\nstorage: { filesystem: { rootdirectory: '/srv/registry' } }\n";

/** What the image of the other registry starts with. */
const ofTheImage = `
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`;

interface Checked {
  readonly config: ResolvedConfig;
  optionsOf(plugin: string): unknown;
}

type Written = Omit<RegistryConfig, 'plugins'> & { readonly plugins: readonly Plugin[] };

/** What a module of a configuration exports. */
function writtenIn(exported: unknown): Written {
  const isModule = (value: unknown): value is { readonly default: Written } =>
    typeof value === 'object' && value !== null && 'default' in value;
  if (!isModule(exported)) throw new Error('the module exports nothing');
  return exported.default;
}

/** Packages are found from the tests, not from the folder of the configuration. */
function found(text: string): string {
  return text.replaceAll(/'(@entrepot\/[\w-]+)'/g, (_, name: string) =>
    JSON.stringify(import.meta.resolve(name)),
  );
}

describe('registry config convert', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-convert-'));
  });
  after(() => rm(folder, { recursive: true }));

  let files = 0;
  /** The configuration as a start would read it and set its plugins up, and the options of these. */
  async function checked(yaml: string): Promise<Checked> {
    files += 1;
    const file = join(folder, `registry-${files}.config.mjs`);
    await writeFile(file, found(convertDistributionConfig(yaml).text));
    const { config } = await loadConfig({ file });
    const exported: unknown = await import(pathToFileURL(file).href);
    const written = writtenIn(exported);
    await createRegistry({ ...written, log: { level: 'silent' } });
    const options = new Map(written.plugins.map((plugin) => [plugin.name, plugin.options]));
    return { config, optionsOf: (name) => options.get(name) };
  }

  it('gives a configuration that does the same, and comments on what has no equivalent', () => {
    expect(convertDistributionConfig(ofTheImage)).to.deep.equal({
      packages: ['@entrepot/storage-filesystem'],
      remarks: [
        'log.fields.service = "registry": whoever collects the log can add fields',
        'storage.cache.blobdescriptor = "inmemory": what is read is remembered in memory; cache.manifestBytes and cache.blobBytes say how much',
        'http.headers.X-Content-Type-Options: a proxy in front can add headers',
        'health.storagedriver.enabled = true: /readyz asks the storage and the plugins, whenever it is asked',
        'health.storagedriver.interval = "10s": /readyz asks the storage and the plugins, whenever it is asked',
        'health.storagedriver.threshold = 3: /readyz asks the storage and the plugins, whenever it is asked',
      ],
      text: `import { defineConfig } from '@entrepot/core';
import storageFilesystem from '@entrepot/storage-filesystem';

// These options of the other registry have no equivalent here.
// - log.fields.service = "registry": whoever collects the log can add fields
// - storage.cache.blobdescriptor = "inmemory": what is read is remembered in memory; cache.manifestBytes and cache.blobBytes say how much
// - http.headers.X-Content-Type-Options: a proxy in front can add headers
// - health.storagedriver.enabled = true: /readyz asks the storage and the plugins, whenever it is asked
// - health.storagedriver.interval = "10s": /readyz asks the storage and the plugins, whenever it is asked
// - health.storagedriver.threshold = 3: /readyz asks the storage and the plugins, whenever it is asked

export default defineConfig({
  http: { host: '0.0.0.0', port: 5000 },
  deletes: { enabled: false },
  plugins: [
    storageFilesystem({ root: '/var/lib/registry' }),
  ],
});
`,
    });
  });

  it('takes every setting that there is', async () => {
    const all =
      await checked(`${least.replace('\nstorage: {', '\nstorage: { delete: { enabled: true }, redirect: { disable: true }, maintenance: { uploadpurging: { age: 36h } },')}
log: { level: DEBUG, formatter: json, accesslog: { disabled: true } }
catalog: { maxentries: 500 }
tags: { maxtags: 2000 }
http:
  addr: '[::1]:5001'
  draintimeout: 1m30s
validation: { manifests: { indexes: { platforms: none } } }
`);
    const { config } = all;
    expect(config.http).to.include({ host: '::1', port: 5001, drainTimeout: 90 });
    expect(config.log).to.include({ level: 'debug', format: 'json', access: false });
    expect(config.lists.maxPageSize).to.equal(2000);
    expect(config.deletes.enabled).to.equal(true);
    expect(config.redirects.enabled).to.equal(false);
    expect(config.uploads.maxAge).to.equal(129_600);
    expect(config.manifests.mayLack).to.equal('children');
    expect(all.optionsOf('storage-filesystem')).to.include({ root: '/srv/registry' });
  });

  it('takes storage in buckets, under the folder that it has there', async () => {
    const s3 = await checked(`
version: 0.1
storage:
  s3:
    bucket: images
    region: eu-central-1
    accesskey: AKIA
    secretkey: "it's secret"
    regionendpoint: minio.example:9000
    secure: false
    forcepathstyle: true
    encrypt: true
    keyid: of-mine
    chunksize: 10485760
    rootdirectory: /old/registry
    storageclass: STANDARD_IA
`);
    expect(s3.optionsOf('storage-s3')).to.deep.include({
      bucket: 'images',
      prefix: 'old/registry/',
      endpoint: 'http://minio.example:9000',
      forcePathStyle: true,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: "it's secret" },
      serverSideEncryption: 'aws:kms',
      kmsKeyId: 'of-mine',
      partSize: 10_485_760,
      storageClass: 'STANDARD_IA',
    });
    const gcs = await checked(
      'version: 0.1\nstorage: { gcs: { bucket: images, maxconcurrency: 60, chunksize: 5242880 } }\n',
    );
    expect(gcs.optionsOf('storage-gcs')).to.include({
      bucket: 'images',
      connections: 60,
      partSize: 5_242_880,
    });
    const azure = await checked(`
version: 0.1
storage:
  azure:
    accountname: store
    accountkey: "${Buffer.alloc(64).toString('base64')}"
    container: images
    realm: core.chinacloudapi.cn
    credentials: { type: shared_key }
`);
    expect(azure.optionsOf('storage-azure')).to.include({
      account: 'store',
      container: 'images',
      endpoint: 'https://store.blob.core.chinacloudapi.cn',
    });
    const principal = await checked(`
version: 0.1
storage:
  azure:
    accountname: store
    container: images
    credentials: { type: client_secret, tenantid: t, clientid: c, secret: s }
`);
    expect(principal.optionsOf('storage-azure')).to.deep.include({
      servicePrincipal: { tenantId: 't', clientId: 'c', clientSecret: 's' },
    });
    expect(convertDistributionConfig('version: 0.1\nstorage: inmemory\n').packages).to.deep.equal([
      '@entrepot/storage-memory',
    ]);
  });

  it('takes who may come in, and what sends clients elsewhere', async () => {
    const key = join(folder, 'key.pem');
    await writeFile(key, '-----BEGIN PRIVATE KEY-----\n');
    const passwords = await checked(`${least}auth: { htpasswd: { realm: here, path: /etc/htpasswd } }\n`);
    expect(passwords.optionsOf('auth-htpasswd')).to.include({ realm: 'here', file: '/etc/htpasswd' });
    const tokens = await checked(`${least}
auth:
  token:
    realm: https://auth.example/token
    service: registry
    issuer: auth.example
    rootcertbundle: /etc/bundle.pem
    signingalgorithms: [RS256, HS256]
`);
    expect(tokens.optionsOf('auth-token')).to.deep.include({
      realm: 'https://auth.example/token',
      service: 'registry',
      issuers: ['auth.example'],
      rootCertificates: '/etc/bundle.pem',
      algorithms: ['RS256'],
    });
    const network = convertDistributionConfig(`${least}
middleware:
  storage: [{ name: cloudfront, options: { baseurl: cdn.example, keypairid: K1, privatekey: '${key}' } }]
`);
    expect(network.text).to.include(`readFileSync('${key}', 'utf8')`);
    expect(network.packages).to.include('@entrepot/cdn');
    expect(network.remarks).to.deep.equal([]);
  });

  it('takes the address for operators, if there is something to see', async () => {
    const shown = await checked(
      `${least}http: { debug: { addr: ':5009', prometheus: { enabled: true, path: /figures } } }\n`,
    );
    expect(shown.config.diagnostics).to.include({ host: '0.0.0.0', port: 5009 });
    expect(shown.optionsOf('metrics')).to.deep.equal({ path: '/figures' });
    const hidden = convertDistributionConfig(`${least}http: { debug: { addr: ':5009' } }\n`);
    expect(hidden.packages).to.deep.equal(['@entrepot/storage-filesystem']);
    expect(hidden.remarks).to.have.lengthOf(1);
  });

  it('takes who is told what happens', async () => {
    const yaml = `${least}
notifications:
  endpoints:
    - name: My Listener
      url: https://hooks.example/registry
      headers: { Authorization: [Bearer secret] }
      timeout: 500ms
      threshold: 5
      ignore: { mediatypes: [application/octet-stream], actions: [pull] }
    - { name: off, url: https://off.example, disabled: true }
`;
    const told = await checked(yaml);
    expect(told.optionsOf('events-webhook')).to.deep.equal({
      endpoints: [
        {
          name: 'my-listener',
          url: 'https://hooks.example/registry',
          actions: ['push', 'mount', 'delete'],
          headers: { Authorization: { value: 'Bearer secret' } },
          timeoutSeconds: 0.5,
          allowPrivateAddresses: true,
        },
      ],
    });
    const { remarks } = convertDistributionConfig(yaml);
    expect(remarks.map((remark) => remark.split(/[ :]/)[0])).to.deep.equal([
      'notifications.endpoints.0.threshold',
      'notifications.endpoints.0.ignore.mediatypes',
    ]);
  });

  it('takes certificates', async () => {
    const { text, remarks } = convertDistributionConfig(`${least}
http:
  addr: 0.0.0.0:443
  tls:
    certificate: /etc/cert.pem
    key: /etc/key.pem
    clientcas: [/etc/ca.pem]
    minimumtls: tls1.3
    ciphersuites: [TLS_AES_128_GCM_SHA256]
`);
    expect(text).to.include("clientAuth: 'require'").and.to.include("minVersion: 'TLSv1.3'");
    expect(remarks).to.have.lengthOf(1);
    expect(remarks[0]).to.include('http.tls.ciphersuites');
  });

  it('passes no option over in silence, and repeats no secret', () => {
    const { remarks, text } = convertDistributionConfig(`${least}
version_of_mine: 1
http:
  addr: nonsense
  net: unix
  secret: very-secret
  tls: { letsencrypt: { cachefile: /x, email: a@b } }
auth: { silly: { realm: r, service: s } }
proxy: { remoteurl: https://registry-1.docker.io, password: very-secret }
redis: { addrs: [a:1], password: very-secret }
middleware: { storage: [{ name: redirect, options: { baseurl: https://x } }] }
storage_of_mine: {}
`);
    expect(remarks.map((remark) => remark.split(/[ :]/)[0])).to.deep.equal([
      'version_of_mine',
      'http.addr',
      'http.net',
      'http.secret',
      'http.tls.letsencrypt.cachefile',
      'http.tls.letsencrypt.email',
      'auth.silly.realm',
      'auth.silly.service',
      'proxy.remoteurl',
      'proxy.password',
      'redis.addrs',
      'redis.password',
      'middleware.storage',
      'storage_of_mine',
    ]);
    expect(text).not.to.include('very-secret');
  });

  it('lets nothing but text out of a text', async () => {
    const config = await checked(`version: 0.1
storage: { filesystem: { rootdirectory: "/srv/it's \\"quoted\\" \\\\ \\u2028 \${here}" } }
"x\\n}); throw new Error('out'); //": 1
"y\\u2028}); throw new Error('out'); //": 1
`);
    expect(config.optionsOf('storage-filesystem')).to.include({
      root: '/srv/it\'s "quoted" \\ \u2028 ${here}',
    });
  });

  it('says what it does not understand', () => {
    for (const [yaml, message] of [
      ['', "its version has to be '0.1'"],
      ['version: 0.2\n', "its version has to be '0.1'"],
      ['a: [', 'this is not YAML'],
      ['version: 0.1\n', 'storage has to name one driver, not none'],
      [
        'version: 0.1\nstorage: { filesystem: {}, s3: {} }\n',
        'storage has to name one driver, not filesystem, s3',
      ],
      ['version: 0.1\nstorage: { swift: {} }\n', "there is no driver for the storage 'swift'"],
    ] as const)
      expect(() => convertDistributionConfig(yaml), yaml).to.throw(Error, message);
  });

  it('is a command that writes a file which registry check accepts', async () => {
    const [yaml, output] = [join(folder, 'config.yml'), join(folder, 'registry.config.mjs')];
    await writeFile(yaml, ofTheImage.replace('/var/lib/registry', folder));
    const run = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
      promisify(execFile)(process.execPath, [executable, ...args], { cwd: folder });
    const { stdout, stderr } = await run('config', 'convert', yaml, '--output', output);
    expect([stdout, stderr]).to.deep.equal([
      '',
      '6 options have no equivalent; see the comments. Needed: npm install @entrepot/core @entrepot/storage-filesystem\n',
    ]);
    const again: unknown = await run('config', 'convert', yaml, '--output', output).catch(
      (error: unknown) => error,
    );
    expect(again).to.have.property(
      'stderr',
      `registry: ${output} is there already; --force writes it anew\n`,
    );
    await writeFile(output, found(await readFile(output, 'utf8')));
    expect((await run('check')).stdout)
      .to.include('is good')
      .and.to.include('storage-filesystem');
  });
});
