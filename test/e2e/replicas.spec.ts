import { expect } from 'chai';
import { expectError, namesOf } from '../oci/answers.ts';
import { contentOf, imageOf, noise, types, type Content, type ManifestContent } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus, locationOf } from '../oci/pushes.ts';
import { ask, beginBody } from './asking.ts';
import { Site } from './running-registry.ts';

/** Two ways into one registry. */
interface Doors {
  readonly first: string;
  readonly second: string;
}

const layouts: Readonly<Record<string, (site: Site) => Promise<Doors>>> = {
  'Two registries on one root': async (site) => {
    const [first, second] = await Promise.all([site.start(), site.start()]);
    return { first: await first.url(), second: await second.url() };
  },
  // Each request has a connection of its own, and they are dealt out in turn.
  'Two workers on one port': async (site) => {
    const url = await (await site.start({ http: { workers: 2 } })).url();
    return { first: url, second: url };
  },
};

for (const [layout, open] of Object.entries(layouts)) {
  describe(layout, () => {
    let site: Site;
    let doors: Doors;
    before(async () => {
      site = await Site.create();
      doors = await open(site);
    });
    after(() => site.remove());

    const at = (index: number): string => (index % 2 === 0 ? doors.first : doors.second);

    async function pushBlob(url: string, repository: string, { bytes, digest }: Content): Promise<void> {
      const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
      expectStatus(await ask(url, 'POST', path, { body: bytes }), 201);
    }

    function putManifest(
      url: string,
      repository: string,
      reference: string,
      { bytes, mediaType }: ManifestContent,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<Answer> {
      return ask(url, 'PUT', `/v2/${repository}/manifests/${reference}`, {
        headers: { 'content-type': mediaType, ...headers },
        body: bytes,
      });
    }

    /** Manifests that differ, over one config that has been pushed through the first door. */
    async function manifests(repository: string, count: number): Promise<ManifestContent[]> {
      const config = contentOf('{}');
      await pushBlob(doors.first, repository, config);
      return Array.from({ length: count }, (_, index) =>
        imageOf(config, [], { annotations: { no: `${index}` } }),
      );
    }

    async function expectBlob(repository: string, { bytes, digest }: Content): Promise<void> {
      for (const url of [doors.first, doors.second]) {
        const pulled = await ask(url, 'GET', `/v2/${repository}/blobs/${digest}`);
        expect(pulled.status).to.equal(200);
        expect(pulled.body.equals(bytes)).to.equal(true);
      }
    }

    async function beginUpload(url: string, repository: string): Promise<string> {
      return locationOf(
        expectStatus(await ask(url, 'POST', `/v2/${repository}/blobs/uploads/`), 202).headers,
      );
    }

    const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).sort();

    // The first of all requests: what they need in common is made now.
    it('know the uploads of each other that are begun at once on an empty root', async () => {
      const blob = contentOf('the first bytes');
      const begun = await Promise.all(
        Array.from({ length: 12 }, (_, index) => beginUpload(at(index), `new-${index}`)),
      );
      const answers = await Promise.all(
        begun.map((location, index) =>
          ask(at(index + 1), 'PUT', `${location}?digest=${blob.digest}`, { body: blob.bytes }),
        ),
      );
      expect(new Set(statuses(answers))).to.deep.equal(new Set([201]));
    });

    it('finish an upload on one that was begun on the other', async () => {
      const blob = contentOf(noise(3_000_000, 1));
      const location = await beginUpload(doors.first, 'finish');
      expectStatus(await ask(doors.second, 'PATCH', location, { body: blob.bytes }), 202);
      expectStatus(await ask(doors.first, 'PUT', `${location}?digest=${blob.digest}`), 201);
      await expectBlob('finish', blob);
    });

    it('take the chunks of an upload in turns, and tell each other where it stands', async () => {
      const blob = contentOf(noise(2_500_000, 2));
      let location = await beginUpload(doors.first, 'turns');
      const chunk = 400_001;
      let [start, turn] = [0, 1];
      for (; start + chunk < blob.bytes.length; start += chunk, turn += 1) {
        const range = `${start}-${start + chunk - 1}`;
        const body = blob.bytes.subarray(start, start + chunk);
        const answer = await ask(at(turn), 'PATCH', location, { headers: { 'content-range': range }, body });
        expect(expectStatus(answer, 202).headers.range).to.equal(`0-${start + chunk - 1}`);
        location = locationOf(answer.headers);
        const status = await ask(at(turn + 1), 'GET', location);
        expect([status.status, status.headers.range]).to.deep.equal([204, `0-${start + chunk - 1}`]);
      }
      const last = { body: blob.bytes.subarray(start) };
      expectStatus(await ask(at(turn), 'PUT', `${location}?digest=${blob.digest}`, last), 201);
      await expectBlob('turns', blob);
    });

    it('refuse bytes for an upload that another client is sending to, and say where it stands', async () => {
      const blob = contentOf(noise(2_000_000, 3));
      const half = blob.bytes.length / 2;
      const location = await beginUpload(doors.first, 'claimed');
      const headers = { 'content-range': `0-${half - 1}`, 'content-length': half };
      const { asking, answer } = await beginBody(doors.first, 'PATCH', location, headers);
      for (const [method, path] of [
        ['PATCH', location],
        ['PUT', `${location}?digest=${blob.digest}`],
      ] as const) {
        const refused = await ask(doors.second, method, path, { body: blob.bytes.subarray(0, half) });
        expectError(refused, 416, 'BLOB_UPLOAD_INVALID');
        expect(refused.headers).to.include({ range: '0-0', location });
      }
      asking.end(blob.bytes.subarray(0, half));
      expectStatus(await answer, 202);
      const rest = { body: blob.bytes.subarray(half) };
      expectStatus(await ask(doors.second, 'PUT', `${location}?digest=${blob.digest}`, rest), 201);
      await expectBlob('claimed', blob);
    });

    it('let one of two clients win that send the same chunk at once', async () => {
      const blob = contentOf(noise(1_500_000, 4));
      const location = await beginUpload(doors.first, 'same-chunk');
      const headers = { 'content-range': `0-${blob.bytes.length - 1}` };
      const answers = await Promise.all(
        [0, 1].map((index) => ask(at(index), 'PATCH', location, { headers, body: blob.bytes })),
      );
      expect(statuses(answers)).to.deep.equal([202, 416]);
      expectStatus(await ask(doors.second, 'PUT', `${location}?digest=${blob.digest}`), 201);
      await expectBlob('same-chunk', blob);
    });

    it('end an upload for both, whoever ends it', async () => {
      const location = await beginUpload(doors.first, 'cancel');
      expectStatus(await ask(doors.first, 'PATCH', location, { body: 'some bytes' }), 202);
      expectStatus(await ask(doors.second, 'DELETE', location), 204);
      for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
        for (const url of [doors.first, doors.second])
          expectError(await ask(url, method, location), 404, 'BLOB_UPLOAD_UNKNOWN');
      }
    });

    it('take two uploads of one digest at once, and keep it once', async () => {
      const blob = contentOf(noise(1_200_000, 5));
      const locations = await Promise.all([0, 1].map((index) => beginUpload(at(index), `twin-${index}`)));
      const answers = await Promise.all(
        locations.map(async (location, index) => {
          expectStatus(await ask(at(index), 'PATCH', location, { body: blob.bytes }), 202);
          return ask(at(index), 'PUT', `${location}?digest=${blob.digest}`);
        }),
      );
      expect(statuses(answers)).to.deep.equal([201, 201]);
      await expectBlob('twin-0', blob);
      await expectBlob('twin-1', blob);
      expect(await site.filesOf(blob.bytes.length)).to.equal(1);
    });

    it('show a tag, its change and its end to all at once', async () => {
      const [old, next] = await manifests('tags', 2);
      if (old === undefined || next === undefined) throw new Error('there are two manifests');
      for (let round = 0; round < 5; round += 1) {
        for (const manifest of [old, next]) {
          expectStatus(await putManifest(at(round), 'tags', 'latest', manifest), 201);
          for (const door of [0, 1, 2, 3]) {
            const pulled = await ask(at(door), 'GET', '/v2/tags/manifests/latest');
            expect(pulled.headers['docker-content-digest']).to.equal(manifest.digest);
            expect(namesOf(await ask(at(door), 'GET', '/v2/tags/tags/list'), 'tags')).to.include('latest');
          }
        }
        expectStatus(await ask(at(round + 1), 'DELETE', '/v2/tags/manifests/latest'), 202);
        for (const door of [0, 1, 2, 3]) {
          expectError(await ask(at(door), 'GET', '/v2/tags/manifests/latest'), 404, 'MANIFEST_UNKNOWN');
          expect(namesOf(await ask(at(door), 'GET', '/v2/tags/tags/list'), 'tags')).to.not.include('latest');
        }
      }
    });

    it('show the end of a manifest and of a blob to all at once', async () => {
      const blob = contentOf(noise(1000, 6));
      const [manifest] = await manifests('ends', 1);
      if (manifest === undefined) throw new Error('there is a manifest');
      await pushBlob(doors.second, 'ends', blob);
      expectStatus(await putManifest(doors.first, 'ends', 'v1', manifest), 201);
      const paths = [
        ['MANIFEST_UNKNOWN', `/v2/ends/manifests/${manifest.digest}`],
        ['BLOB_UNKNOWN', `/v2/ends/blobs/${blob.digest}`],
      ] as const;
      for (const [index, [code, path]] of paths.entries()) {
        for (const door of [0, 1, 2, 3]) expectStatus(await ask(at(door), 'GET', path), 200);
        expectStatus(await ask(at(index), 'DELETE', path), 202);
        for (const door of [0, 1, 2, 3]) expectError(await ask(at(door), 'GET', path), 404, code);
      }
      expectError(await ask(doors.second, 'GET', '/v2/ends/manifests/v1'), 404, 'MANIFEST_UNKNOWN');
    });

    it('let one of 20 writers create a tag that must not be there', async () => {
      const candidates = await manifests('create', 20);
      const answers = await Promise.all(
        candidates.map((manifest, index) =>
          putManifest(at(index), 'create', 'latest', manifest, { 'if-none-match': '*' }),
        ),
      );
      expect(statuses(answers)).to.deep.equal([201, ...Array<number>(19).fill(412)]);
      const winner = candidates[answers.findIndex(({ status }) => status === 201)];
      for (const url of [doors.first, doors.second]) {
        const pulled = await ask(url, 'GET', '/v2/create/manifests/latest');
        expect(pulled.body.toString()).to.equal(winner?.bytes.toString());
      }
    });

    it('let one of 20 writers change a tag that must be as they know it', async () => {
      const [known, ...candidates] = await manifests('change', 21);
      if (known === undefined) throw new Error('there is a manifest');
      expectStatus(await putManifest(doors.first, 'change', 'latest', known), 201);
      const answers = await Promise.all(
        candidates.map((manifest, index) =>
          putManifest(at(index), 'change', 'latest', manifest, { 'if-match': `"${known.digest}"` }),
        ),
      );
      expect(statuses(answers)).to.deep.equal([201, ...Array<number>(19).fill(412)]);
      const winner = candidates[answers.findIndex(({ status }) => status === 201)];
      const pulled = await ask(doors.second, 'GET', '/v2/change/manifests/latest');
      expect(pulled.body.toString()).to.equal(winner?.bytes.toString());
    });

    it('lose none of the tags that many writers set at once', async () => {
      const candidates = await manifests('many', 60);
      const answers = await Promise.all(
        candidates.map((manifest, index) => putManifest(at(index), 'many', `v${index}`, manifest)),
      );
      expect(new Set(statuses(answers))).to.deep.equal(new Set([201]));
      const listed = namesOf(await ask(doors.second, 'GET', '/v2/many/tags/list'), 'tags');
      expect(listed).to.have.members(candidates.map((_, index) => `v${index}`));
      for (const [index, { digest }] of candidates.entries()) {
        const pulled = await ask(at(index + 1), 'GET', `/v2/many/manifests/v${index}`);
        expect(pulled.headers['docker-content-digest']).to.equal(digest);
      }
    });

    it('list the referrers that both have taken', async () => {
      const [subject] = await manifests('referrers', 1);
      if (subject === undefined) throw new Error('there is a manifest');
      const { digest, bytes, mediaType } = subject;
      const signatures = Array.from({ length: 10 }, (_, index) =>
        imageOf(contentOf('{}'), [], {
          subject: { mediaType, digest, size: bytes.length },
          artifactType: types.config,
          annotations: { no: `${index}` },
        }),
      );
      const answers = await Promise.all(
        signatures.map((manifest, index) => putManifest(at(index), 'referrers', manifest.digest, manifest)),
      );
      expect(new Set(statuses(answers))).to.deep.equal(new Set([201]));
      for (const url of [doors.first, doors.second]) {
        const listed = await ask(url, 'GET', `/v2/referrers/referrers/${digest}`);
        for (const signature of signatures) expect(listed.body.toString()).to.include(signature.digest);
      }
    });
  });
}
