import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { RegistryError } from '@entrepot/plugin-sdk';
import { KeyRing, type TrustedKey } from '@entrepot/plugin-sdk/tokens';

const keyNamed = (kid: string | undefined, alg?: string): TrustedKey => {
  return { kid, alg, key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey };
};
const now = new Date();

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('A ring of keys', () => {
  it('finds the only key for a token that names none', async () => {
    const key = keyNamed('a');
    const ring = new KeyRing({ file: { content: [key] } });
    expect(await ring.find({ alg: 'ES256' }, now)).to.equal(key.key);
  });

  it('finds no key by guessing among several, and finds one that several sources have', async () => {
    const [one, two] = [keyNamed('a'), keyNamed('b')];
    const several = new KeyRing({ file: { content: [one, two] } });
    expect(String(await failure(several.find({ alg: 'ES256' }, now)))).to.include('has to name one');
    const twice = new KeyRing({ file: { content: [one, { ...one }] } });
    expect(await twice.find({ alg: 'ES256' }, now)).to.equal(one.key);
  });

  it('uses a key for the algorithm alone that its owner gives it', async () => {
    const ring = new KeyRing({ file: { content: [keyNamed('a', 'ES256')] } });
    expect(await failure(ring.find({ alg: 'ES256', kid: 'a' }, now))).to.equal(undefined);
    expect(String(await failure(ring.find({ alg: 'ES384', kid: 'a' }, now)))).to.include('not trusted');
  });

  it('asks the token server for what stands in no file, and for nothing else', async () => {
    const [near, far] = [keyNamed('near'), keyNamed('far')];
    const asked: unknown[] = [];
    const find = async (kid: string | undefined): Promise<readonly TrustedKey[]> => {
      asked.push(kid);
      return [far];
    };
    const ring = new KeyRing({ file: { content: [near] }, published: { find } });
    expect(await ring.find({ alg: 'ES256', kid: 'near' }, now)).to.equal(near.key);
    expect(await ring.find({ alg: 'ES256', kid: 'far' }, now)).to.equal(far.key);
    expect(asked).to.deep.equal(['far']);
  });

  it('passes on that the token server is down', async () => {
    const down = new RegistryError('UNAVAILABLE');
    const ring = new KeyRing({ published: { find: async () => Promise.reject(down) } });
    expect(await failure(ring.find({ alg: 'ES256', kid: 'a' }, now))).to.equal(down);
  });
});
