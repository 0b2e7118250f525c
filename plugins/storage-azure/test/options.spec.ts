import { OptionsError, resolveOptions } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { accessOf } from '../src/azure/credentials.ts';
import { assertTogether, schema, type Input, type Options } from '../src/options.ts';

const resolve = (input: Input): Options => resolveOptions<Options>('storage-azure', schema, input);
const account = 'registry';
const container = 'blobs';
const accountKey = Buffer.from('key').toString('base64');

function problemsOf(input: Input): readonly string[] {
  try {
    assertTogether(resolve(input));
    return [];
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
}

describe('the options of storage-azure', () => {
  it('need an account, an endpoint or a connection string', () => {
    expect(problemsOf({ container })).to.have.lengthOf(1);
    for (const where of [{ account }, { endpoint: 'https://x.example' }, { connectionString: 'x' }]) {
      expect(problemsOf({ container, ...where })).to.deep.equal([]);
    }
  });

  it('take one kind of credentials, and say which are too many', () => {
    const [problem] = problemsOf({ account, container, accountKey, sasToken: 'sig=x' });
    expect(problem).to.include('accountKey, sasToken');
    expect(problemsOf({ container, connectionString: 'x', account })).to.have.lengthOf(1);
    expect(problemsOf({ container, accountKey, endpoint: 'https://x.example' })).to.have.lengthOf(1);
  });

  it('say where the container is', () => {
    expect(accessOf(resolve({ account, container })).url).to.equal(
      'https://registry.blob.core.windows.net/blobs',
    );
    const endpoint = 'https://registry.blob.core.chinacloudapi.cn/';
    expect(accessOf(resolve({ account, container, endpoint })).url).to.equal(`${endpoint}blobs`);
    const signed = accessOf(resolve({ account, container, sasToken: '?sv=1&sig=x' }));
    expect(signed.url).to.equal('https://registry.blob.core.windows.net/blobs?sv=1&sig=x');
    const connectionString = `DefaultEndpointsProtocol=https;AccountName=${account};AccountKey=${accountKey};EndpointSuffix=core.windows.net`;
    expect(accessOf(resolve({ container, connectionString })).url).to.equal(
      'https://registry.blob.core.windows.net/blobs',
    );
  });

  it('use an identity of the machine when no credentials are given', () => {
    const kind = (input: Partial<Input>): string =>
      accessOf(resolve({ account, container, ...input })).credential.constructor.name;
    expect(kind({})).to.equal('DefaultAzureCredential');
    expect(kind({ managedIdentityClientId: 'x' })).to.equal('ManagedIdentityCredential');
    const servicePrincipal = { tenantId: 'tenant', clientId: 'x', clientSecret: 'x' };
    expect(kind({ servicePrincipal })).to.equal('ClientSecretCredential');
    expect(kind({ accountKey })).to.equal('StorageSharedKeyCredential');
    expect(kind({ sasToken: 'x' })).to.equal('AnonymousCredential');
  });
});
