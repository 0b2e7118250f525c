import { expect } from 'chai';
import { findingKinds } from '../../core/src/store/verify/finding.ts';
import { codeIn, tableOf } from './markdown.ts';

describe('docs/verify.md', () => {
  it('lists the kinds of findings there are, with their severities', () => {
    const listed = tableOf('docs/verify.md', 'Kind', 'Severity').map(([kind, severity]) => [
      codeIn(kind),
      severity,
    ]);
    expect(listed).to.deep.equal(Object.entries(findingKinds));
  });
});
