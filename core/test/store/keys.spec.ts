import { expect } from 'chai';
import fc from 'fast-check';
import { isStorageKey } from '@entrepot/plugin-sdk';
import { isRepositoryName, isTag } from '../../src/http/match-route.ts';
import { ID, newId, timeOf } from '../../src/store/ids.ts';
import { keys } from '../../src/store/keys.ts';
import { UploadIds } from '../../src/store/upload-ids.ts';
import { UploadSeal } from '../../src/store/upload-seal.ts';
import { RecordingDriver } from './recording-driver.ts';
import { quiet } from './stored-content.ts';

const name = fc.stringMatching(/^[a-z0-9]{1,9}(?:[._/-][a-z0-9]{1,9}){0,20}$/).filter(isRepositoryName);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/).filter(isTag);
const digest = fc.oneof(
  fc.stringMatching(/^[a-f0-9]{64}$/).map((hex) => `sha256:${hex}`),
  fc.stringMatching(/^[a-f0-9]{128}$/).map((hex) => `sha512:${hex}`),
);

const idsOn = (driver: RecordingDriver): UploadIds => new UploadIds(new UploadSeal(driver, quiet));

describe('The keys of the storage', () => {
  it('are keys that every driver takes, whatever repositories, tags and digests are called', () => {
    fc.assert(
      fc.property(name, tag, digest, digest, (repository, reference, one, other) => {
        const all = [
          keys.repository(repository),
          keys.manifest(repository, one),
          keys.tag(repository, reference),
          keys.referrer(repository, one, other),
          keys.link(repository, one),
          keys.record(one),
          keys.data(newId()),
          keys.upload(newId()),
          keys.tail(newId(), Number.MAX_SAFE_INTEGER),
          keys.uploadSeal,
        ];
        for (const key of all) expect(isStorageKey(key), key).to.equal(true);
        // No key is a folder of another.
        for (const key of all) {
          for (const another of all) expect(another.startsWith(`${key}/`)).to.equal(false);
        }
      }),
    );
  });

  it('are short enough for the longest of names', () => {
    const [longest, long] = ['a'.repeat(255), `sha512:${'f'.repeat(128)}`];
    for (const key of [keys.referrer(longest, long, long), keys.tag(longest, 'x'.repeat(128))]) {
      expect(isStorageKey(key)).to.equal(true);
    }
  });

  it('tell what they are of', () => {
    fc.assert(
      fc.property(name, tag, digest, (repository, reference, one) => {
        expect(keys.repositoryOf(keys.repository(repository))).to.equal(repository);
        expect(keys.tagOf(keys.tag(repository, reference))).to.equal(reference);
        expect(keys.holderOf(keys.link(repository, one))).to.equal(repository);
        expect(keys.isOfManifest(keys.manifest(repository, one), one)).to.equal(true);
        expect(keys.isOfReferrer(keys.referrer(repository, one, one), one)).to.equal(true);
        const id = newId();
        expect(keys.uploadOf(keys.upload(id))).to.equal(id);
        expect(keys.uploadOfTail(keys.tail(id, 7))).to.equal(id);
      }),
    );
  });

  it('keep repositories apart whose names look alike as paths', () => {
    const names = ['a', 'a/b', 'a-b', 'a/b/c', 'a/tags/b', 'a.b', 'a_b', 'a__b'];
    expect(new Set(names.map(keys.repository)).size).to.equal(names.length);
    for (const one of names) {
      for (const other of names.filter((each) => each !== one)) {
        expect(keys.tag(other, 'v1').startsWith(keys.tags(one))).to.equal(false);
      }
    }
  });
});

describe('An id', () => {
  it('is a UUID of version 7, begins with its time, and is like no other', () => {
    const before = Date.now();
    const ids = Array.from({ length: 1000 }, newId);
    for (const id of ids) {
      expect(id).to.match(ID);
      expect(timeOf(id)).to.be.within(before, Date.now());
    }
    expect(new Set(ids).size).to.equal(1000);
    for (const text of ['', 'x', '00000000-0000-4000-8000-000000000000'])
      expect(timeOf(text)).to.equal(undefined);
  });

  it('of an upload is known to every replica, for its repository alone', async () => {
    const driver = new RecordingDriver();
    const [one, other] = [idsOn(driver), idsOn(driver)];
    const before = Date.now();
    const id = await one.issue('app');
    expect(id).to.match(ID);
    for (const replica of [one, other]) {
      expect(await replica.issuedAt('app', id)).to.be.within(before, Date.now());
      expect(await replica.issuedAt('app/b', id)).to.equal(undefined);
    }
    expect(await idsOn(new RecordingDriver()).issuedAt('app', id)).to.equal(undefined);
  });

  it('of an upload is no id once any of its digits is another', async () => {
    const ids = idsOn(new RecordingDriver());
    const id = await ids.issue('app');
    for (let at = 0; at < id.length; at += 1) {
      const digit = id[at] === '0' ? '1' : '0';
      const forged = id.slice(0, at) + digit + id.slice(at + 1);
      expect(await ids.issuedAt('app', forged), `${at}`).to.equal(undefined);
    }
    for (const text of ['', '..', 'nonsense', id.toUpperCase(), ` ${id}`, `${id}\n`]) {
      expect(await ids.issuedAt('app', text)).to.equal(undefined);
    }
  });

  it('of an upload needs one secret, which replicas share though all begin at once, and is asked for once', async () => {
    const driver = new RecordingDriver();
    const replicas = Array.from({ length: 5 }, () => idsOn(driver));
    const issued = await Promise.all(replicas.map((replica) => replica.issue('app')));
    for (const replica of replicas) {
      for (const id of issued) expect(await replica.issuedAt('app', id)).to.be.a('number');
    }
    driver.forget();
    await Promise.all(replicas.map((replica) => replica.issue('app')));
    expect(driver.texts).to.deep.equal([]);
  });
});
