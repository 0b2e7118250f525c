import { expect } from 'chai';
import { readVerdict } from './verdict.ts';

describe('the verdict of the OCI conformance tool', () => {
  const results = (mount: string, tagParam: string): string =>
    `config:\n  version: "1.1"\napis:\n  Blob mount: ${mount}\n  Tag listing: Pass\ndata:\n  Tag Param: ${tagParam}\n`;
  const junit = (sums: string, ...statuses: readonly string[]): string =>
    `<testsuite name="t" ${sums} time="0.1">` +
    statuses
      .map((status) => `<testcase name="ping" classname="" time="0.1" status="${status}"></testcase>`)
      .join('');

  it('is clean when everything passes', () => {
    expect(
      readVerdict(results('Pass', 'Pass'), junit('tests="3" failures="0"', 'passed', 'passed')),
    ).to.deep.equal({
      counts: { tests: 3, failed: 0, errors: 0, skipped: 0 },
      shortcomings: [],
      unpassed: [],
    });
  });

  it('names what failed, was skipped or was disabled', () => {
    const sums = 'tests="4" failures="1" errors="1" skipped="1"';
    const verdict = readVerdict(
      results('FAIL', 'Disabled'),
      junit(sums, 'failure', 'skipped', 'error', 'passed'),
    );
    expect(verdict.counts).to.deep.equal({ tests: 4, failed: 1, errors: 1, skipped: 1 });
    expect(verdict.shortcomings).to.deep.equal(['Blob mount: FAIL', 'Tag Param: Disabled']);
    expect(verdict.unpassed).to.deep.equal(['failure ping', 'skipped ping', 'error ping']);
  });

  it('refuses reports it does not understand, rather than finding nothing wrong in them', () => {
    expect(() => readVerdict('apis:\ndata:\n', junit('tests="1"', 'passed'))).to.throw('not understood');
    expect(() => readVerdict(results('Pass', 'Pass'), junit('tests="1"'))).to.throw('not understood');
    expect(() => readVerdict(results('Pass', 'Pass'), junit('', 'passed'))).to.throw('not understood');
    expect(() => readVerdict('config:\n', junit('tests="1"', 'passed'))).to.throw("no 'apis'");
  });
});
