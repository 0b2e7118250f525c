import { expect } from 'chai';
import { BearerRefusals, withBasicChallenge } from '@entrepot/plugin-sdk/access';

describe('The challenge for a name and a password', () => {
  it('stands once, however many plugins check passwords', () => {
    const bearer = 'Bearer realm="x"';
    const once = withBasicChallenge([bearer], 'acme');
    expect(once).to.deep.equal([bearer, 'Basic realm="acme", charset="UTF-8"']);
    expect(withBasicChallenge(once, 'other')).to.equal(once);
  });
});

describe('The challenge for a token', () => {
  it('says what is wrong with one, whichever plugin has refused it', () => {
    const refusal = new BearerRefusals().refuse('invalid_token', 'it is old');
    const server = { realm: 'https://auth.example.com', service: 'registry' };
    expect(new BearerRefusals().challenge(server, [], refusal)).to.equal(
      'Bearer realm="https://auth.example.com",service="registry",error="invalid_token"',
    );
  });
});
