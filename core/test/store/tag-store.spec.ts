import { expect } from 'chai';
import type { Store } from '../../src/store/index.ts';
import { rejectionOf } from '../rejection.ts';
import { RecordingDriver } from './recording-driver.ts';
import { freshContent, manifestOf, putting, storeOn } from './stored-content.ts';

describe('A tag in the store', () => {
  let driver: RecordingDriver;
  let store: Store;
  beforeEach(() => {
    driver = new RecordingDriver();
    store = storeOn(driver);
  });
  const digestOf = async (tag = 'v1'): Promise<string | undefined> =>
    (await store.tags.get('app', tag))?.digest;

  /** Does `work` in another process at the moment of the first call `text`. */
  function meanwhile(text: string, work: (other: Store) => Promise<unknown>): void {
    driver.before = async (call) => {
      if (call.text !== text) return;
      driver.before = () => undefined;
      await work(storeOn(driver));
    };
  }

  it('that is moved while it is deleted goes as it is then', async () => {
    const [old, young] = [manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('v1'));
    meanwhile('delete tag', (other) => other.manifests.put('app', young, putting('v1')));
    expect(await store.tags.delete('app', 'v1')).to.include({ digest: young.digest });
    expect(await digestOf()).to.equal(undefined);
  });

  it('that is moved while it is deleted on a condition is judged as it is then, and stays', async () => {
    const [old, young] = [manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('v1'));
    meanwhile('delete tag', (other) => other.manifests.put('app', young, putting('v1')));
    const deleted = store.tags.delete('app', 'v1', { condition: (current) => current === old.digest });
    expect(await rejectionOf(deleted)).to.include({ code: 'DENIED', status: 412 });
    expect(await digestOf()).to.equal(young.digest);
  });

  it('that is moved while it is set on a condition is judged as it is then, and nothing is lost', async () => {
    const [old, young, late] = [manifestOf(), manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('v1'));
    meanwhile('write tag', (other) => other.manifests.put('app', young, putting('v1')));
    const condition = (current: string | undefined): boolean => current === old.digest;
    const put = store.manifests.put('app', late, { ...putting('v1'), condition });
    expect(await rejectionOf(put)).to.include({ code: 'DENIED', status: 412 });
    expect(await digestOf()).to.equal(young.digest);
    expect((await store.tags.get('app', 'v1'))?.history.map(({ digest }) => digest)).to.deep.equal([
      young.digest,
      old.digest,
    ]);
  });

  it('that another process deletes while it is set is set', async () => {
    const [old, young] = [manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('v1'));
    meanwhile('write tag', (other) => other.tags.delete('app', 'v1'));
    const [tagged] = await store.manifests.put('app', young, putting('v1'));
    expect(tagged).to.deep.equal({ tag: 'v1', previous: undefined });
    expect(await digestOf()).to.equal(young.digest);
  });

  it('says what it pointed at before, each of several for itself', async () => {
    const [old, young] = [manifestOf(), manifestOf()];
    await store.manifests.put('app', old, putting('a'));
    expect(await store.manifests.put('app', young, putting('a', 'b'))).to.deep.equal([
      { tag: 'a', previous: old.digest },
      { tag: 'b', previous: undefined },
    ]);
  });

  it('is not there, which is no error', async () => {
    expect(await store.tags.get('app', 'none')).to.equal(undefined);
    expect(await store.tags.delete('app', 'none')).to.equal(undefined);
    expect((await store.tags.list('none', { limit: 10 })).names).to.deep.equal([]);
    expect(await store.manifests.get('app', freshContent(1).digest)).to.equal(undefined);
  });
});
