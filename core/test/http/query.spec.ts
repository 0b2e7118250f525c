import { expect } from 'chai';
import fc from 'fast-check';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { nextLink, pageRequest } from '../../src/http/pagination.ts';
import { Query } from '../../src/http/query.ts';
import { anyText } from '../../../plugin-sdk/test/any-text.ts';

function refusalOf(work: () => unknown): { readonly code: string; readonly status: number } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isRegistryError(error)) throw error;
    return { code: error.code, status: error.status };
  }
}
const refused = { code: 'UNSUPPORTED', status: 400 };

describe('A query', () => {
  it('has the parameters it was made of, in their order, whatever characters they are of', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 10 });
    const pairs = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(pairs, (given) => {
        const spelled = given.map((pair) => pair.map(encodeURIComponent).join('='));
        const query = Query.parse(spelled.join('&'));
        for (const [name] of given) {
          const values = given.filter((pair) => pair[0] === name).map((pair) => pair[1]);
          expect(query.all(name)).to.deep.equal(values);
          if (values.length === 1) expect(query.one(name)).to.equal(values[0]);
          else expect(refusalOf(() => query.one(name))).to.deep.equal(refused);
        }
      }),
    );
  });

  it('is read or refused, and never fails', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.stringMatching(/^[%&=a0cF]*$/)), (text) => {
        const refusal = refusalOf(() => Query.parse(text));
        if (refusal !== undefined) expect(refusal).to.deep.equal(refused);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps a plus: media types have one, and no parameter has spaces', () => {
    expect(Query.parse('artifactType=application/a+json').one('artifactType')).to.equal('application/a+json');
    expect(Query.parse('a=%2B').one('a')).to.equal('+');
  });

  it('has text alone: no lists, no objects, nothing of its own', () => {
    const query = Query.parse('a[]=1&a[b]=2&__proto__=3&toString=4&c&d==&=e');
    expect(query.one('a')).to.equal(undefined);
    expect(query.one('a[]')).to.equal('1');
    expect(query.one('__proto__')).to.equal('3');
    expect(query.one('constructor')).to.equal(undefined);
    expect(query.one('c')).to.equal('');
    expect(query.one('d')).to.equal('=');
    expect(query.one('')).to.equal('e');
  });

  it('reads a count: any number of digits, and nothing else', () => {
    const count = (n: string): number | undefined => Query.parse(`n=${n}`).count('n');
    expect(Query.none.count('n')).to.equal(undefined);
    for (const [text, value] of [
      ['0', 0],
      ['007', 7],
      ['9007199254740991', Number.MAX_SAFE_INTEGER],
      ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
    ] as const) {
      expect(count(text)).to.equal(value);
    }
    for (const text of ['', '-1', '1.0', '1e3', ' 1', '1 ', '+1', '0x1', 'NaN', '%D9%A3', '1_0']) {
      expect(
        refusalOf(() => count(text)),
        text,
      ).to.deep.equal(refused);
    }
  });
});

describe('A page', () => {
  it('is as long as the client asks, or as long as it may be', () => {
    const page = (text: string) => pageRequest(Query.parse(text), 100);
    expect(page('')).to.deep.equal({ last: undefined, limit: 100 });
    expect(page('n=10&last=a')).to.deep.equal({ last: 'a', limit: 10 });
    expect(page('n=0')).to.deep.equal({ last: undefined, limit: 0 });
    expect(page('n=101')).to.deep.equal({ last: undefined, limit: 100 });
    expect(page(`n=${'9'.repeat(30)}&last=`)).to.deep.equal({ last: '', limit: 100 });
  });

  it('links to the next with a path from which the very same parameters are read again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (last, n) => {
        const link = /^<\/v2\/a\/tags\/list\?(.*)>; rel="next"$/.exec(
          nextLink('/v2/a/tags/list', { n, last }),
        );
        const query = Query.parse(link?.[1] ?? '');
        expect([query.count('n'), query.one('last')]).to.deep.equal([n, last]);
        // Nothing in it can end the path, or the header.
        expect(link?.[1]).to.match(/^[\x21-\x3b\x3d\x3f-\x7e]*$/);
      }),
    );
  });
});
