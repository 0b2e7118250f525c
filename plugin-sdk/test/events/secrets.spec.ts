import { expect } from 'chai';
import { readSecret, secretProblem } from '@entrepot/plugin-sdk/events';

describe('A secret of the configuration', () => {
  it('is written down, or in a variable, or in a file: exactly one of them', () => {
    expect(secretProblem({ value: 'x' })).to.equal(undefined);
    expect(secretProblem({})).to.equal("give exactly one of 'value', 'env' and 'file'");
    expect(secretProblem({ value: 'x', env: 'X' })).to.equal("give exactly one of 'value', 'env' and 'file'");
  });

  it('that is absent is told by its place', () => {
    expect(readSecret({ value: 'x' })).to.equal('x');
    expect(() => readSecret({ env: 'ENTREPOT_NO_SUCH_VARIABLE' })).to.throw(
      'ENTREPOT_NO_SUCH_VARIABLE is not set',
    );
    expect(() => readSecret({ file: '/absent/secret' })).to.throw('the file /absent/secret cannot be read');
  });
});
