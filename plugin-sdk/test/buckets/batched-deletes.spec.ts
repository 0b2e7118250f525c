import { StorageError } from '@entrepot/plugin-sdk';
import { deleteInBatches } from '@entrepot/plugin-sdk/buckets';
import { expect } from 'chai';

describe('Deleting in batches', () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  let batches: (readonly string[])[];
  let singles: string[];
  beforeEach(() => {
    batches = [];
    singles = [];
  });
  const single = async (key: string): Promise<void> => {
    singles.push(key);
  };
  /** A backend that leaves these of every batch. */
  const leaving =
    (...left: readonly string[]) =>
    async (some: readonly string[]): Promise<readonly string[]> => {
      batches.push(some);
      return some.filter((key) => left.includes(key));
    };

  it('takes as many keys at once as there may be, and a last one alone', async () => {
    expect([...(await deleteInBatches(keys, { most: 2, batch: leaving(), single }))]).to.deep.equal([]);
    expect(batches).to.deep.equal([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(singles).to.deep.equal(['e']);
  });

  it('tries what a batch has left one by one, and tells of what cannot be deleted so either', async () => {
    const denied = new StorageError('UNAVAILABLE', 'access denied');
    const failed = await deleteInBatches(keys, {
      most: 5,
      batch: leaving('b', 'd'),
      single: (key) => (key === 'd' ? Promise.reject(denied) : single(key)),
    });
    expect([...failed]).to.deep.equal([['d', denied]]);
    expect(singles).to.deep.equal(['b']);
  });

  it('does all of it one by one where the backend takes no batches', async () => {
    const batch = (): Promise<never> => Promise.reject(new StorageError('UNAVAILABLE', 'not implemented'));
    expect([...(await deleteInBatches(keys, { most: 5, batch, single }))]).to.deep.equal([]);
    expect(singles.toSorted()).to.deep.equal(keys);
  });

  it('lets an error that is not one of storage through', async () => {
    const fault = new TypeError('a fault');
    for (const work of [
      { batch: () => Promise.reject(fault), single },
      { batch: leaving('a'), single: () => Promise.reject(fault) },
    ]) {
      const outcome: unknown = await deleteInBatches(keys, { most: 5, ...work }).catch(
        (error: unknown) => error,
      );
      expect(outcome).to.equal(fault);
    }
  });
});
