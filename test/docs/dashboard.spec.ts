import { expect } from 'chai';
import { readSource } from '../house/workspace.ts';
import { codeIn, tableOf } from './markdown.ts';

const file = 'examples/grafana/entrepot.json';

/** The queries of a dashboard, wherever in it they are. */
function queriesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(queriesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) =>
    name === 'expr' && typeof member === 'string' ? [member] : queriesIn(member),
  );
}

/** What of PromQL stands for series: names that are not followed by a parenthesis. */
function metricsIn(query: string): string[] {
  const withoutLabels = query.replace(/\{[^}]*\}/g, '').replace(/\b(?:by|without) \([^)]*\)/g, '');
  return [...withoutLabels.matchAll(/\b(?:entrepot|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name);
}

describe(file, () => {
  const types = new Map(
    tableOf('plugins/metrics/README.md', 'Metric', 'Type').map(([name, type]) => [codeIn(name), type]),
  );
  const queries = queriesIn(JSON.parse(readSource(file)));

  it('asks for metrics that the plugin gives, and for buckets of histograms alone', () => {
    expect(queries).to.have.length.above(20);
    for (const query of queries) {
      const names = metricsIn(query);
      expect(names, query).to.not.be.empty;
      for (const name of names) {
        const [, histogram] = /^(.*)_bucket$/.exec(name) ?? [];
        if (histogram === undefined) expect([...types.keys()], query).to.include(name);
        else expect(types.get(histogram), query).to.equal('histogram');
      }
    }
  });

  it('takes rates of counters alone, and of every counter it shows', () => {
    for (const query of queries) {
      for (const name of metricsIn(query).filter((each) => !each.endsWith('_bucket'))) {
        const isRated = new RegExp(`(?:rate|increase)\\(${name}\\b`).test(query);
        expect(isRated, query).to.equal(types.get(name) === 'counter');
      }
    }
  });

  it('uses labels that the metrics have', () => {
    const labels = new Map(
      tableOf('plugins/metrics/README.md', 'Metric', 'Type').map(([name, , names]) => [
        codeIn(name),
        names ?? '',
      ]),
    );
    for (const query of queries) {
      for (const [, name = '', chosen = ''] of query.matchAll(/([a-z_]+)\{([^}]*)\}/g)) {
        const known = labels.get(name.replace(/_bucket$/, '')) ?? '';
        for (const [, label = ''] of chosen.matchAll(/([a-z_]+)(?:=|!=|=~|!~)"/g))
          if (label !== 'job') expect(known, query).to.include(`\`${label}\``);
      }
    }
  });
});
