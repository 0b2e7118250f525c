import { expect } from 'chai';
import fc from 'fast-check';
import { warningHeaders } from '../../src/api/warnings.ts';
import { anyText } from '../../../plugin-sdk/test/any-text.ts';

describe('Warnings', () => {
  it('make a header of the form the spec wants, whatever is said', () => {
    fc.assert(
      fc.property(fc.array(anyText(), { minLength: 1, maxLength: 5 }), (warnings) => {
        const { warning = '' } = warningHeaders(warnings);
        expect(warning).to.match(/^299 - "(?:[^"\\]|\\.)*"(?:, 299 - "(?:[^"\\]|\\.)*")*$/);
        expect(warning).to.match(/^[\x20-\x7e]*$/);
      }),
    );
  });

  it('stay within 4096 bytes, and leave out only what does not fit', () => {
    const lengths = fc.array(fc.nat(3000), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, (sizes) => {
        const { warning = '' } = warningHeaders(sizes.map((size) => 'x'.repeat(size)));
        expect(warning.length).to.be.at.most(4096);
        const sent = [...warning.matchAll(/"(x*)"/g)].map((match) => match[1]?.length ?? 0);
        let expected = 0;
        const fitting = sizes.filter((size) => {
          const longer = expected + size + '299 - ""'.length + (expected === 0 ? 0 : ', '.length);
          if (longer > 4096) return false;
          expected = longer;
          return true;
        });
        expect(sent).to.deep.equal(fitting);
      }),
    );
  });
});
