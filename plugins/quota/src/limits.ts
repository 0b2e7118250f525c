/** How many bytes some repositories may take together. */
export interface Limit {
  /** The repository of this name, and all below it; empty for all there are. */
  readonly repositories: string;
  readonly bytes: number;
}

/** Whether the limit holds for this repository. `team` covers `team` and `team/app`, not `teams`. */
export function covers({ repositories }: Limit, repository: string): boolean {
  return repositories === '' || repository === repositories || repository.startsWith(`${repositories}/`);
}

/** Bytes by the `repositories` of limits. */
export type Used = Readonly<Record<string, number>>;

/** Adds what a repository takes to every limit that holds for it. */
export function added(used: Used, limits: readonly Limit[], repository: string, bytes: number): Used {
  const next = { ...used };
  for (const limit of limits)
    if (covers(limit, repository)) next[limit.repositories] = (next[limit.repositories] ?? 0) + bytes;
  return next;
}

/** Bytes as people read them. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
