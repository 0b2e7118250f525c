import type { IncomingHttpHeaders } from 'node:http';
import { expect } from 'chai';
import fc from 'fast-check';
import { changeCondition, etagOf, isNotModified } from '../../src/http/conditions.ts';
import { bareRequest } from './bare-request.ts';

const [one, two] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string];

describe('The entity tag of content', () => {
  it('is its digest in quotes', () => {
    expect(etagOf(one)).to.equal(`"${one}"`);
  });
});

describe('isNotModified', () => {
  const cases: readonly [header: string | undefined, notModified: boolean][] = [
    [undefined, false],
    ['', false],
    ['*', true],
    [`"${one}"`, true],
    [`W/"${one}"`, true],
    [one, true],
    [`"${two}"`, false],
    [`"${two}", "${one}"`, true],
    [`"${two}","${one}"`, true],
    [`"${one}x"`, false],
    [`"${one.toUpperCase()}"`, false],
    ['"*"', false],
  ];
  for (const [header, expected] of cases) {
    it(`is ${expected} for If-None-Match: ${header?.replaceAll(/([12])\1+/g, '$1…') ?? '(none)'}`, () => {
      const { context } = bareRequest(header === undefined ? {} : { 'if-none-match': header });
      expect(isNotModified(context, one)).to.equal(expected);
    });
  }
});

describe('changeCondition', () => {
  const holds = (headers: IncomingHttpHeaders, current: string | undefined): boolean | undefined =>
    changeCondition(bareRequest(headers).context)?.(current);

  it('is none for a request that makes none', () => {
    expect(changeCondition(bareRequest().context)).to.equal(undefined);
    expect(changeCondition(bareRequest({ 'if-range': `"${one}"` }).context)).to.equal(undefined);
  });

  const table: readonly [headers: IncomingHttpHeaders, ofOne: boolean, ofTwo: boolean, ofNothing: boolean][] =
    [
      [{ 'if-match': '*' }, true, true, false],
      [{ 'if-match': `"${one}"` }, true, false, false],
      [{ 'if-match': `"${one}", "${two}"` }, true, true, false],
      [{ 'if-match': '' }, false, false, false],
      [{ 'if-none-match': '*' }, false, false, true],
      [{ 'if-none-match': `"${one}"` }, false, true, true],
      [{ 'if-none-match': '' }, true, true, true],
      [{ 'if-match': `"${one}"`, 'if-none-match': `"${two}"` }, true, false, false],
      [{ 'if-match': '*', 'if-none-match': '*' }, false, false, false],
    ];
  for (const [headers, ofOne, ofTwo, ofNothing] of table) {
    it(`holds as RFC 9110 has it for ${JSON.stringify(headers).replaceAll(/([12])\1+/g, '$1…')}`, () => {
      expect([holds(headers, one), holds(headers, two), holds(headers, undefined)]).to.deep.equal([
        ofOne,
        ofTwo,
        ofNothing,
      ]);
    });
  }

  it('never holds for If-Match when there is nothing, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(holds({ 'if-match': header }, undefined)).to.equal(false);
      }),
    );
  });
});
