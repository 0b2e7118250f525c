import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { client } from '../clients/client.ts';
import { startRegistry } from '../clients/registry-under-test.ts';
import { readVerdict } from './verdict.ts';

const artifacts = join(import.meta.dirname, '..', '..', '.artifacts', 'conformance');

/** What the tool leaves out unless it is asked for; all else is on by itself. */
const everything = {
  OCI_API_BLOBS_DIGEST_HEADER: 'true',
  OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
  OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
  OCI_API_MANIFESTS_TAG_PARAM: 'true',
  OCI_DATA_SPARSE: 'true',
};

describe('the OCI conformance tool', () => {
  for (const storage of ['memory', 'filesystem'] as const) {
    for (const version of ['1.1', 'dev']) {
      it(`finds nothing to fault, version ${version} on ${storage}`, async () => {
        const folder = join(artifacts, `${storage}-${version}`);
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder, { recursive: true });
        const registry = await startRegistry({ storage, manifests: { mayLack: 'anything' } });
        const conformance = client('conformance', folder, {
          ...everything,
          OCI_REGISTRY: registry.host,
          OCI_TLS: 'disabled',
          OCI_VERSION: version,
          OCI_RESULTS_DIR: folder,
          OCI_LOG: 'error',
        });
        // It exits with 1 when a check fails; its reports say which.
        const complaint = await conformance().then(
          () => '',
          (error: unknown) => String(error),
        );
        await registry.stop();
        const [results = '', junit = ''] = await Promise.all(
          ['results.yaml', 'junit.xml'].map((name) => readFile(join(folder, name), 'utf8')),
        );
        const { counts, shortcomings, unpassed } = readVerdict(results, junit);
        const { tests, failed, errors, skipped } = counts;
        process.stdout.write(
          `      ${tests} checks, ${failed + errors} failed, ${skipped} skipped or disabled\n`,
        );
        expect([...shortcomings, ...unpassed]).to.deep.equal([]);
        expect(failed + errors + skipped).to.equal(0);
        expect(complaint).to.equal('');
      });
    }
  }
});
