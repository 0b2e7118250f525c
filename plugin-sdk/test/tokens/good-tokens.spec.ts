import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { SignJWT } from 'jose';
import { GoodTokens } from '../../src/tokens/good-tokens.ts';
import { TokenInvalid } from '../../src/tokens/signed-token.ts';

const terms = { issuers: ['issuer'], audience: 'registry', algorithms: ['ES256'], leewaySeconds: 5 };
const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const second = (seconds: number): Date => new Date((1_800_000_000 + seconds) * 1000);

function sign(privateKey: KeyObject): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer('issuer')
    .setAudience('registry')
    .setSubject('alice')
    .setNotBefore(second(0))
    .setExpirationTime(second(60))
    .sign(privateKey);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome.status === 'rejected' ? outcome.reason : undefined;
}

describe('A token that was good', () => {
  const { privateKey, publicKey } = pair();
  let tokens: GoodTokens;
  let token: string;
  let asked: unknown[];
  let trusted: KeyObject;
  const verify = (now: Date) =>
    tokens.verify(
      token,
      (hint) => {
        asked.push(hint.kid);
        return Promise.resolve(trusted);
      },
      now,
    );

  beforeEach(async () => {
    tokens = new GoodTokens(terms);
    token = await sign(privateKey);
    asked = [];
    trusted = publicKey;
    expect(await verify(second(10))).to.include({ sub: 'alice' });
  });

  it('is good again, as long as its key is trusted: that is asked each time', async () => {
    expect(await verify(second(11))).to.include({ sub: 'alice' });
    expect(asked).to.deep.equal(['one', 'one']);
  });

  it('is refused as soon as another key has the name of its own', async () => {
    trusted = pair().publicKey;
    expect(await rejection(verify(second(11)))).to.be.instanceOf(TokenInvalid);
  });

  it('is refused as soon as its key cannot be found', async () => {
    const failure = new Error('no such key');
    const outcome = tokens.verify(token, () => Promise.reject(failure), second(11));
    expect(await rejection(outcome)).to.equal(failure);
  });

  it('is refused when its time has passed, and the leeway', async () => {
    expect(await verify(second(64))).to.include({ sub: 'alice' });
    const error = await rejection(verify(second(66)));
    expect(error).to.be.instanceOf(TokenInvalid);
    expect(error instanceof TokenInvalid && error.expired?.sub).to.equal('alice');
  });

  it('is refused before its time, should the clock go back', async () => {
    expect(await rejection(verify(second(-10)))).to.be.instanceOf(TokenInvalid);
  });

  it('makes no other good that differs in its signature alone', async () => {
    const altered = token.slice(0, -4) + (token.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    const outcome = tokens.verify(altered, () => Promise.resolve(publicKey), second(11));
    expect(await rejection(outcome)).to.be.instanceOf(TokenInvalid);
  });
});
