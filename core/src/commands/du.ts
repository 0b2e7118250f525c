import { once } from 'node:events';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { openContent, type RepositoryUsage, type TotalUsage } from '../registry/content.ts';
import { count, size } from './figures.ts';

export interface DuFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/**
 * `registry du`: tells what repositories take. Changes nothing. Lines go to standard output as they are known: for people
 * on a terminal, as JSON elsewhere.
 * @throws Error when the name makes no sense, or the storage cannot be read.
 */
export async function du(
  repository: string | undefined,
  { config: file, json = false }: DuFlags,
): Promise<void> {
  // Whoever reads the lines has gone.
  process.stdout.once('error', () => process.exit(1));
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const content = await openContent(config, await createLog(config.log, process.stderr));
  const lines = process.stdout.isTTY && !json ? table : jsonLines;
  try {
    await print(lines.head);
    if (repository !== undefined) return await print(lines.repository(await content.usageOf(repository)));
    const usage = content.usage();
    for (;;) {
      const next = await usage.next();
      await print(next.done === true ? lines.total(next.value) : lines.repository(next.value));
      if (next.done === true) return;
    }
  } finally {
    await content.close();
  }
}

/** A slow reader slows the count down, not memory up. */
async function print(line: string): Promise<void> {
  if (line !== '' && !process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

interface Lines {
  readonly head: string;
  repository(usage: RepositoryUsage): string;
  total(usage: TotalUsage): string;
}

const jsonLines: Lines = {
  head: '',
  repository: (usage) => JSON.stringify(usage),
  total: (usage) => JSON.stringify({ total: usage }),
};

const table: Lines = {
  head: row(['logical', 'shared', 'unique', 'reclaimable'], 'repository'),
  repository: ({ logical, shared, unique, reclaimable, repository }) =>
    row([logical, shared, unique, reclaimable].map(size), repository),
  total: ({ repositories, logical, stored, reclaimable }) =>
    `\n${count(repositories)} repositories: ${size(logical)} as they see it, ${size(stored)} stored, of which nothing refers to ${size(reclaimable)}`,
};

function row(figures: readonly string[], name: string): string {
  return `${figures.map((figure) => figure.padStart(12)).join('')}  ${name}`;
}
