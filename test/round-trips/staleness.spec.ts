import { createHash } from 'node:crypto';
import { Memory } from '@entrepot/storage-memory';
import { expect } from 'chai';
import { Replica, type Answer } from './replica.ts';

const REPOSITORY = '/v2/library/app';
const TYPE = 'application/vnd.oci.image.manifest.v1+json';

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function manifestOf(title: string, subject?: Buffer): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPE,
      annotations: { title },
      ...(subject === undefined
        ? {}
        : { subject: { mediaType: TYPE, digest: digestOf(subject), size: subject.length } }),
    }),
  );
}

/** What one replica remembers, and another changes in the storage of both. */
describe('A replica that remembers what it was asked before', () => {
  let one: Replica;
  let other: Replica;
  before(async () => {
    const memory = new Memory(1024 ** 2);
    [one, other] = [await Replica.start(memory), await Replica.start(memory)];
  });
  after(async () => {
    await one.stop();
    await other.stop();
  });

  async function ask(replica: Replica, ...question: Parameters<Replica['ask']>): Promise<Answer> {
    const answered: Answer[] = [];
    await replica.rounds.during(async () => answered.push(await replica.ask(...question)));
    const [answer] = answered;
    if (answer === undefined) throw new Error('there was no answer');
    return answer;
  }

  async function put(replica: Replica, manifest: Buffer, reference: string): Promise<void> {
    await ask(replica, 'PUT', `${REPOSITORY}/manifests/${reference}`, 201, { type: TYPE, body: manifest });
  }

  async function pulls(path: string, bytes: Buffer): Promise<void> {
    for (let time = 0; time < 2; time += 1)
      expect((await ask(one, 'GET', REPOSITORY + path, 200)).body.equals(bytes)).to.equal(true);
  }

  it('serves a tag as another has moved it, at once', async () => {
    await put(other, manifestOf('old'), 'moved');
    await pulls('/manifests/moved', manifestOf('old'));
    await put(other, manifestOf('new'), 'moved');
    await pulls('/manifests/moved', manifestOf('new'));
  });

  it('serves no manifest that another has deleted, by digest or by tag', async () => {
    const manifest = manifestOf('deleted');
    await put(other, manifest, 'deleted');
    await pulls('/manifests/deleted', manifest);
    await pulls(`/manifests/${digestOf(manifest)}`, manifest);
    await ask(other, 'DELETE', `${REPOSITORY}/manifests/${digestOf(manifest)}`, 202);
    await ask(one, 'GET', `${REPOSITORY}/manifests/deleted`, 404);
    await ask(one, 'GET', `${REPOSITORY}/manifests/${digestOf(manifest)}`, 404);
  });

  for (const length of [1024, 64 * 1024, 100 * 1024]) {
    it(`serves no blob of ${length} bytes that another has deleted, and serves it when it is back`, async () => {
      const bytes = Buffer.alloc(length, `bytes of ${length} `);
      const blob = `/blobs/${digestOf(bytes)}`;
      const push = async (): Promise<void> => {
        const { location } = await ask(other, 'POST', `${REPOSITORY}/blobs/uploads/`, 202);
        await ask(other, 'PUT', `${location}?digest=${digestOf(bytes)}`, 201, { body: bytes });
      };
      await push();
      await pulls(blob, bytes);
      await ask(other, 'DELETE', REPOSITORY + blob, 202);
      await ask(one, 'GET', REPOSITORY + blob, 404);
      await push();
      await pulls(blob, bytes);
    });
  }

  it('lists tags, repositories and referrers as another has left them', async () => {
    const subject = manifestOf('subject');
    const referrer = manifestOf('referrer', subject);
    const referrers = `${REPOSITORY}/referrers/${digestOf(subject)}`;
    await put(other, subject, 'listed');
    expect((await ask(one, 'GET', `${REPOSITORY}/tags/list`, 200)).body.includes('"listed"')).to.equal(true);
    expect((await ask(one, 'GET', referrers, 200)).body.includes(digestOf(referrer))).to.equal(false);
    await put(other, referrer, digestOf(referrer));
    expect((await ask(one, 'GET', referrers, 200)).body.includes(digestOf(referrer))).to.equal(true);
    await ask(other, 'DELETE', `${REPOSITORY}/manifests/${digestOf(referrer)}`, 202);
    await ask(other, 'DELETE', `${REPOSITORY}/manifests/listed`, 202);
    expect((await ask(one, 'GET', referrers, 200)).body.includes(digestOf(referrer))).to.equal(false);
    expect((await ask(one, 'GET', `${REPOSITORY}/tags/list`, 200)).body.includes('"listed"')).to.equal(false);
  });
});
