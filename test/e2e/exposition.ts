/** A metric as Prometheus reads it: a family of series. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g;

/** Reads Prometheus' text format. @throws Error where it is none, or a family is in two places. */
export function familiesIn(text: string): Map<string, Family> {
  const families = new Map<string, Family & { samples: Sample[] }>();
  let current: (Family & { samples: Sample[] }) | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (families.has(name)) throw new Error(`${name} is in two places`);
      current = { name, type: '', help: rest, samples: [] };
      families.set(name, current);
    } else if (kind === 'TYPE') {
      if (current?.name !== name) throw new Error(`the type of ${name} is not with its help`);
      current = { ...current, type: rest };
      families.set(name, current);
    } else {
      const [, sample = '', labels = '', value] = SAMPLE.exec(line) ?? [];
      if (current === undefined || !sample.startsWith(current.name)) throw new Error(`out of place: ${line}`);
      current.samples.push({
        name: sample,
        labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text])),
        value: Number(value),
      });
    }
  }
  return families;
}

/** What `promtool check metrics` finds wrong with names, and what it cannot see: types and helps that are missing. */
export function lint({ name, type, help, samples }: Family): string[] {
  const problems: [boolean, string][] = [
    [!/^[a-z][a-z0-9_]*$/.test(name), 'is no name in snake case'],
    [help === '', 'has no help'],
    [!['counter', 'gauge', 'histogram'].includes(type), `is of type '${type}'`],
    [type === 'counter' && !name.endsWith('_total'), "is a counter, and does not end in '_total'"],
    [type !== 'counter' && name.endsWith('_total'), "is no counter, and ends in '_total'"],
    [/_(?:count|sum|bucket)$/.test(name), 'ends in what is for histograms'],
    [/_(?:counter|gauge|histogram)(?:_|$)/.test(name), 'has its type in its name'],
    [
      /_(?:ms|milliseconds?|microseconds?|nanoseconds?|minutes?|hours?|days?|kb|mb|kilobytes?|megabytes?|percent)(?:_|$)/.test(
        name,
      ),
      'is not in the base unit: seconds, bytes',
    ],
    [
      samples.some(({ labels }) => Object.keys(labels).some((label) => !/^[a-z][a-z0-9_]*$/.test(label))),
      'has a label that is not in snake case',
    ],
    [
      samples.some(({ labels }) => 'le' in labels) && type !== 'histogram',
      "has the label 'le' and is no histogram",
    ],
    [samples.some(({ labels }) => 'quantile' in labels), "has the label 'quantile', which is for summaries"],
    [samples.some(({ value }) => Number.isNaN(value)), 'has a value that is no number'],
  ];
  return problems.flatMap(([isWrong, what]) => (isWrong ? [`${name} ${what}`] : []));
}

/** The sum of the samples with these labels. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const { samples } = families.get(name) ?? { samples: [] };
  return samples
    .filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
