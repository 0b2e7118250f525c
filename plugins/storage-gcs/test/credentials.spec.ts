import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OptionsError, resolveOptions } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { SigningAccount } from '../../../test/servers/gcs-signatures.ts';
import { Credentials } from '../src/gcs/credentials.ts';
import { assertTogether, schema, type Input, type Options } from '../src/options.ts';

const resolve = (input: Partial<Input>): Options =>
  resolveOptions<Options>('storage-gcs', schema, { bucket: 'b', ...input });
const url = 'https://storage.googleapis.com/storage/v1/b/b/o';

describe('the credentials of storage-gcs', () => {
  let folder: string;
  let tokens: Server;
  let issued = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-gcs-'));
    // A token service (RFC 8693) whose tokens are as good as expired at once.
    tokens = createServer((request, response) => {
      issued += 1;
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          access_token: `token-${issued}`,
          issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          token_type: 'Bearer',
          expires_in: 1,
        }),
      );
    });
    tokens.listen(0, '127.0.0.1');
    await once(tokens, 'listening');
  });
  after(async () => {
    tokens.closeAllConnections();
    tokens.close();
    await rm(folder, { recursive: true });
  });

  it('are tokens of a workload identity, renewed before they expire', async () => {
    const address = tokens.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const [identity, subject] = [join(folder, 'identity.json'), join(folder, 'token')];
    await writeFile(subject, 'of Kubernetes');
    await writeFile(
      identity,
      JSON.stringify({
        type: 'external_account',
        audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `http://127.0.0.1:${port}/v1/token`,
        credential_source: { file: subject },
      }),
    );
    const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = identity;
    try {
      const credentials = new Credentials(resolve({}));
      const first = await credentials.headersFor(url);
      const second = await credentials.headersFor(url);
      expect(first['authorization']).to.equal('Bearer token-1');
      expect(second['authorization']).to.equal('Bearer token-2');
      expect(await credentials.source()).to.equal('IdentityPoolClient');
    } finally {
      if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
    }
  });

  it('may be a key, in a file or in the configuration, and are named in the log without what is secret', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const account = { client_email: 'registry@project.iam.gserviceaccount.com', private_key: key };
    const keyFile = join(folder, 'key.json');
    await writeFile(keyFile, JSON.stringify({ type: 'service_account', ...account }));
    const given = new Credentials(resolve({ credentials: account }));
    expect(await given.source()).to.equal('JWT (registry@project.iam.gserviceaccount.com)');
    expect(await new Credentials(resolve({ keyFile })).source()).to.equal('JWT');
  });

  it('sign a URL if they are a key, and none in clear for anybody else', async () => {
    const account = new SigningAccount();
    const { key } = account;
    const keyFile = join(folder, 'signing-key.json');
    await writeFile(keyFile, JSON.stringify({ type: 'service_account', ...key }));
    for (const input of [{ keyFile }, { credentials: key }]) {
      const signed = await new Credentials(resolve(input)).sign('b', 'some/object', 60);
      const { host, pathname, search } = new URL(signed ?? '');
      expect(host + pathname).to.equal('storage.googleapis.com/b/some/object');
      expect(account.allows({ method: 'GET', url: pathname + search, host })).to.equal(true);
      expect(account.allows({ method: 'GET', url: `${pathname}.other${search}`, host })).to.equal(false);
    }
    const clear = new Credentials(resolve({ apiEndpoint: 'http://127.0.0.1:4443' }));
    expect(await clear.sign('b', 'some/object', 60)).to.equal(undefined);
    const broken = join(folder, 'broken-key.json');
    await writeFile(broken, '{}');
    const error: unknown = await new Credentials(resolve({ keyFile: broken }))
      .sign('b', 'some/object', 60)
      .catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'the key file names no client_email and private_key');
  });

  it('never travel in clear: an endpoint without TLS gets none', async () => {
    const credentials = new Credentials(resolve({ apiEndpoint: 'http://127.0.0.1:4443/' }));
    expect(credentials.endpoint).to.equal('http://127.0.0.1:4443');
    expect(await credentials.headersFor('http://127.0.0.1:4443/storage/v1/b/b/o')).to.deep.equal({});
    expect(await credentials.source()).to.equal('none');
  });

  it('go to Google unless another endpoint is given', () => {
    expect(new Credentials(resolve({})).endpoint).to.equal('https://storage.googleapis.com');
    const apiEndpoint = 'https://storage-xyz.p.googleapis.com';
    expect(new Credentials(resolve({ apiEndpoint })).endpoint).to.equal(apiEndpoint);
  });

  it('are given once: a key file and credentials do not go together', () => {
    const credentials = { client_email: 'x', private_key: 'x' };
    expect(() => assertTogether(resolve({ keyFile: 'x', credentials }))).to.throw(OptionsError, 'only one');
    expect(() => assertTogether(resolve({ keyFile: 'x' }))).to.not.throw();
    expect(() => resolve({ credentials: { ...credentials, private_key: '' } })).to.throw(OptionsError);
  });
});
