import { setImmediate as nextTurn } from 'node:timers/promises';

/** How many names are sorted or merged in one go: about a millisecond. */
const CHUNK = 4096;

/** Sorts by bytes (names are ASCII) without keeping the event loop for longer than a moment. */
export async function sortNames(names: string[]): Promise<string[]> {
  if (names.length <= CHUNK) return names.sort();
  let runs: string[][] = [];
  for (let start = 0; start < names.length; start += CHUNK) {
    runs.push(names.slice(start, start + CHUNK).sort());
    await nextTurn();
  }
  while (runs.length > 1) {
    const longer: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      longer.push(await merge(runs[index] ?? [], runs[index + 1] ?? []));
    }
    runs = longer;
  }
  return runs[0] ?? [];
}

async function merge(left: readonly string[], right: readonly string[]): Promise<string[]> {
  const merged: string[] = [];
  let fromLeft = 0;
  let fromRight = 0;
  for (;;) {
    const a = left[fromLeft];
    const b = right[fromRight];
    if (a !== undefined && (b === undefined || a <= b)) {
      merged.push(a);
      fromLeft += 1;
    } else if (b !== undefined) {
      merged.push(b);
      fromRight += 1;
    } else {
      return merged;
    }
    if (merged.length % CHUNK === 0) await nextTurn();
  }
}

/** How many of the sorted `names` come before `name`. */
export function rank(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = names[middle];
    if (candidate !== undefined && candidate < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
