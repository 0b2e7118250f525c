import { expect } from 'chai';
import { TemporaryRoot } from '../temporary-root.ts';
import { traceSteps, type SystemCall } from './traced.ts';

describe('what is answered survives a loss of power, because', () => {
  let root: TemporaryRoot;
  let calls: readonly SystemCall[];
  before(async () => {
    root = await TemporaryRoot.make();
    calls = await traceSteps(root.path, [
      'fsync',
      'fdatasync',
      'link',
      'rename',
      'unlink',
      'mkdir',
      'pwrite64',
      'pwritev',
      'statx',
      'ftruncate',
    ]);
  });
  after(() => root.destroy());

  /** The calls between two answers. */
  function between(from: string, to: string): readonly SystemCall[] {
    const [start] = calls.filter(({ text }) => text.includes(`"/answered/${from}"`));
    const [end] = calls.filter(({ text }) => text.includes(`"/answered/${to}"`));
    if (start === undefined || end === undefined) throw new Error(`no answers ${from} and ${to}`);
    return calls.filter(({ began, ended }) => began > start.ended && ended < end.began);
  }

  /** The one call of this name whose text has `part`. */
  function only(among: readonly SystemCall[], name: string, part: string): SystemCall {
    const found = among.filter(
      (call) => call.name === name && call.text.includes(part) && call.text.endsWith('= 0'),
    );
    expect(found, `${name} ${part} in\n${among.map(({ text }) => text).join('\n')}`).to.have.length(1);
    return found[0] ?? { name: '', text: '', began: 0, ended: 0 };
  }

  const path = (rest: string): string => `${root.path}/${rest}`;
  const isBefore = (one: SystemCall, other: SystemCall): void => {
    expect(one.ended, `${one.text} before ${other.text}`).to.be.lessThan(other.began);
  };

  it('the root itself is synced, and the entry of each directory in it', () => {
    const [start] = calls.filter(({ text }) => text.includes('"/answered/started"'));
    const before = calls.filter(({ ended }) => ended < (start?.began ?? 0));
    const made = before.filter(
      ({ name, text }) => name === 'mkdir' && text.includes(path('')) && text.endsWith('= 0'),
    );
    expect(made).to.have.length(4);
    const synced = only(before, 'fsync', `<${root.path}>`);
    for (const call of made) isBefore(call, synced);
  });

  it('a new object is synced before it is linked, and then its folder and those that are new with it', () => {
    const among = between('started', 'created');
    const bytes = only(among, 'fsync', path('tmp/'));
    const link = only(
      among.filter(({ began }) => began > bytes.ended),
      'link',
      path('objects/new/folder/object'),
    );
    for (const folder of ['objects/new/folder', 'objects/new', 'objects'])
      isBefore(link, only(among, 'fsync', `<${path(folder)}>`));
  });

  it('a new version is synced before it is renamed, and then its folder', () => {
    for (const [from, to] of [
      ['created', 'replaced'],
      ['replaced', 'swapped'],
    ] as const) {
      const among = between(from, to);
      const rename = only(among, 'rename', path('objects/new/folder/object'));
      isBefore(only(among, 'fsync', path('tmp/')), rename);
      isBefore(rename, only(among, 'fsync', `<${path('objects/new/folder')}>`));
    }
  });

  it('a completed upload is synced after its last bytes and before it is renamed, and then its folder', () => {
    const among = between('uploading', 'completed');
    const write = among.filter(({ name }) => name === 'pwritev' || name === 'pwrite64');
    expect(write).to.have.length(1);
    const bytes = only(among, 'fsync', path('uploads/'));
    const rename = among.filter(({ name, text }) => name === 'rename' && text.endsWith('= 0'));
    expect(rename).to.have.length(1);
    for (const call of write) isBefore(call, bytes);
    for (const call of rename) {
      isBefore(bytes, call);
      for (const folder of ['objects/data', 'objects'])
        isBefore(call, only(among, 'fsync', `<${path(folder)}>`));
    }
  });

  it('a delete is followed by a sync of the folder', () => {
    const among = between('completed', 'deleted');
    isBefore(
      only(among, 'unlink', path('objects/new/folder/object')),
      only(among, 'fsync', `<${path('objects/new/folder')}>`),
    );
  });

  it('nothing more is synced than that', () => {
    const syncs = (from: string, to: string): number =>
      between(from, to).filter(({ name }) => name.endsWith('sync')).length;
    expect(syncs('started', 'created')).to.equal(4);
    expect(syncs('created', 'replaced')).to.equal(2);
    expect(syncs('replaced', 'swapped')).to.equal(2);
    expect(syncs('swapped', 'transient')).to.equal(0);
    expect(syncs('transient', 'uploading')).to.equal(0);
    expect(syncs('uploading', 'completed')).to.equal(3);
    expect(syncs('completed', 'deleted')).to.equal(1);
  });

  it('nothing is written into the files of locks', () => {
    expect(
      calls.filter(({ name, text }) => name.startsWith('pwrite') && text.includes(path('locks/'))),
    ).to.deep.equal([]);
  });
});
