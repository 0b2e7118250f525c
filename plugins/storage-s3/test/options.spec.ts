import { OptionsError, resolveOptions } from '@entrepot/plugin-sdk';
import storageS3 from '@entrepot/storage-s3';
import { expect } from 'chai';
import { schema, type Options } from '../src/options.ts';

function problemsOf(options: object): readonly string[] {
  try {
    resolveOptions<Options>('storage-s3', schema, options);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the options of storage-s3', () => {
  it('need a bucket, and nothing else', () => {
    expect(resolveOptions<Options>('storage-s3', schema, { bucket: 'b' })).to.deep.equal({
      bucket: 'b',
      prefix: '',
      dualStack: false,
      fips: false,
      accelerate: false,
      partSize: 8 * 1024 ** 2,
      connections: 64,
      timeout: 15,
      maxAttempts: 6,
    });
    expect(problemsOf({})).to.have.lengthOf(1);
    expect(storageS3.schema).to.equal(schema);
  });

  for (const [title, wrong] of [
    ['an endpoint that is no URL', { endpoint: 'localhost:9000' }],
    ['a prefix that does not end in a slash', { prefix: 'registry' }],
    ['a prefix that begins with one', { prefix: '/registry/' }],
    ['parts below 5 MiB', { partSize: 5 * 1024 ** 2 - 1 }],
    ['half a key', { credentials: { accessKeyId: 'a' } }],
    ['a KMS key without encryption', { kmsKeyId: 'k' }],
    ['a storage class that is not read at once', { storageClass: 'GLACIER' }],
    ['an ACL', { acl: 'private' }],
  ] as const) {
    it(`refuse ${title}`, () => {
      expect(problemsOf({ bucket: 'b', ...wrong })).to.not.be.empty;
    });
  }
});
