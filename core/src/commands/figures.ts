/** A number as people read it. */
export function count(number: number): string {
  return number.toLocaleString('en-GB');
}

/** Bytes as people read them. */
export function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? count(bytes) : amount.toFixed(1)} ${units[power] ?? ''}`;
}

const BAR = 24;

/** How much of something is done: a bar, and the percentage. */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const full = Math.floor(share * BAR);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.floor(share * 100)} %`;
}
