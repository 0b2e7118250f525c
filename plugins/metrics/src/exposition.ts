import type { Siblings } from '@entrepot/plugin-sdk';
import { Registry } from 'prom-client';

/** Something that has metrics. */
export interface MetricSource {
  /** In Prometheus' text format. */
  metrics(): Promise<string>;
}

/**
 * The metrics of one registry as one text, those of its other processes among them. Each process keeps its own series,
 * told apart by `worker`: added up here, a process that is replaced would look to Prometheus like counters that begin
 * again, and be counted twice.
 */
export class Exposition {
  readonly #sources: readonly MetricSource[];
  readonly #siblings: Siblings;

  constructor(sources: readonly MetricSource[], siblings: Siblings) {
    this.#sources = sources;
    this.#siblings = siblings;
    siblings.answer(() => this.#own());
  }

  get contentType(): string {
    return Registry.PROMETHEUS_CONTENT_TYPE;
  }

  /** Processes that do not answer within a second are missing: `entrepot_processes` says how many have. */
  async text(): Promise<string> {
    const [own, others] = await Promise.all([this.#own(), this.#siblings.ask()]);
    const count = `# HELP entrepot_processes Processes whose metrics these are.\n# TYPE entrepot_processes gauge\nentrepot_processes ${others.length + 1}\n`;
    return mergeFamilies([own, ...others.map(({ text }) => text), count]);
  }

  async #own(): Promise<string> {
    const texts = await Promise.all(this.#sources.map(async (source) => source.metrics()));
    return texts.join('\n');
  }
}

/** Puts the samples of a metric together, from whichever text they are: the format wants them in one place. */
export function mergeFamilies(texts: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const text of texts) {
    let family: { readonly head: string[]; readonly samples: string[] } | undefined;
    let isKnown = false;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (!line.startsWith('# ')) {
        family?.samples.push(line);
        continue;
      }
      const [, kind, name = ''] = line.split(' ', 3);
      if (kind === 'HELP') {
        family = families.get(name);
        isKnown = family !== undefined;
        family ??= { head: [], samples: [] };
        families.set(name, family);
      }
      if (!isKnown) family?.head.push(line);
    }
  }
  return [...families.values()].map(({ head, samples }) => [...head, ...samples, ''].join('\n')).join('');
}
