/** What a load has shown. */
export interface LoadReport {
  readonly operations: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds of CPU for one operation, of all threads of whoever was measured. */
  readonly cpuPerOperation: number;
  /** Milliseconds from question to answer: the middle, and what 1 of 100 exceeds. */
  readonly median: number;
  readonly percentile99: number;
}

export interface Load {
  /** Operations under way at the same time. */
  readonly atOnce: number;
  readonly seconds: number;
  /** Milliseconds of CPU used so far. */
  readonly cpu: () => number | Promise<number>;
  /** One operation; each has a number of its own. */
  readonly operation: (number: number) => Promise<unknown>;
}

/** Keeps so many operations under way for so long, after a third of that to warm up. */
export async function underLoad({ atOnce, seconds, cpu, operation }: Load): Promise<LoadReport> {
  let number = 0;
  const phase = async (milliseconds: number): Promise<number[]> => {
    const times: number[] = [];
    const end = performance.now() + milliseconds;
    const lane = async (): Promise<void> => {
      for (let begun = performance.now(); begun < end; begun = performance.now()) {
        number += 1;
        await operation(number);
        times.push(performance.now() - begun);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    return times;
  };
  await phase((seconds * 1000) / 3);
  const [cpuBefore, began] = [await cpu(), performance.now()];
  const times = await phase(seconds * 1000);
  const [took, used] = [performance.now() - began, (await cpu()) - cpuBefore];
  const sorted = times.sort((one, other) => one - other);
  const operations = sorted.length;
  return {
    operations,
    seconds: rounded(took / 1000),
    perSecond: rounded((operations / took) * 1000),
    cpuPerOperation: rounded(used / operations),
    median: rounded(sorted[Math.floor(operations / 2)] ?? 0),
    percentile99: rounded(sorted[Math.floor(operations * 0.99)] ?? 0),
  };
}

/** To four digits: more would pretend. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(4));
}

/** Milliseconds of CPU that this process has used. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
