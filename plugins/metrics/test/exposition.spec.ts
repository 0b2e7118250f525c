import { expect } from 'chai';
import { mergeFamilies } from '../src/exposition.ts';

describe('The text of several processes', () => {
  it('has the samples of a metric in one place, under one help and one type', () => {
    const of = (worker: number): string =>
      `# HELP a_total A.\n# TYPE a_total counter\na_total{worker="${worker}"} ${worker}\n` +
      `# HELP b B.\n# TYPE b gauge\nb{worker="${worker}"} 1\n`;
    expect(mergeFamilies([of(1), of(2)]).split('\n')).to.deep.equal([
      '# HELP a_total A.',
      '# TYPE a_total counter',
      'a_total{worker="1"} 1',
      'a_total{worker="2"} 2',
      '# HELP b B.',
      '# TYPE b gauge',
      'b{worker="1"} 1',
      'b{worker="2"} 1',
      '',
    ]);
  });

  it('keeps a metric that one of them alone has', () => {
    expect(
      mergeFamilies(['# HELP a A.\n# TYPE a gauge\na 1\n', '# HELP b B.\n# TYPE b gauge\nb 2\n']),
    ).to.equal('# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\nb 2\n');
  });
});
