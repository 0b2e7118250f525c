import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client } from '../clients/client.ts';
import { readVerdict } from '../conformance/verdict.ts';
import { startRecipe } from './recipe.ts';

const folder = join(import.meta.dirname, '..', '..', '.artifacts', 'conformance', 'with-passwords');

describe('the OCI conformance tool with a name and a password', () => {
  it('finds nothing to fault in a registry that knows its team', async () => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const recipe = await startRecipe('team', { alice: 'wonderland' }, { manifests: { mayLack: 'anything' } });
    const conformance = client('conformance', folder, {
      OCI_REGISTRY: recipe.host,
      OCI_TLS: 'disabled',
      OCI_USERNAME: 'alice',
      OCI_PASSWORD: 'wonderland',
      OCI_VERSION: '1.1',
      OCI_API_BLOBS_DIGEST_HEADER: 'true',
      OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
      OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
      OCI_API_MANIFESTS_TAG_PARAM: 'true',
      OCI_DATA_SPARSE: 'true',
      OCI_RESULTS_DIR: folder,
      OCI_LOG: 'error',
    });
    // It exits with 1 when a check fails; its reports say which.
    const complaint = await conformance().then(
      () => '',
      (error: unknown) => String(error),
    );
    const answered = recipe.registry.lines.filter(({ msg }) => msg === 'request');
    await recipe.stop();
    const [results = '', junit = ''] = await Promise.all(
      ['results.yaml', 'junit.xml'].map((name) => readFile(join(folder, name), 'utf8')),
    );
    const { counts, shortcomings } = readVerdict(results, junit);
    process.stdout.write(`      ${counts.tests} checks, ${counts.failed + counts.errors} failed\n`);
    // A mount from anywhere would give a layer to who may not pull it: only an open registry does that.
    expect(shortcomings).to.deep.equal(['Blob anonymous mount: Skip']);
    expect([counts.failed, counts.errors, complaint]).to.deep.equal([0, 0, '']);
    expect(answered.filter(({ actor }) => actor === 'alice')).to.have.length.above(counts.tests);
  });
});
