import { readFile, writeFile } from 'node:fs/promises';
import { convertDistributionConfig } from '../conversion/distribution-config.ts';
import { messageOf } from '../error-message.ts';

export interface ConvertFlags {
  /** Where the configuration goes; to standard output without it. */
  readonly output?: string;
  readonly force?: boolean;
}

/**
 * `registry config convert`: turns the YAML of a CNCF distribution registry into our configuration, which goes to standard
 * output or into a file. What has no equivalent is a comment there; how much that is, and which packages it needs, goes to
 * standard error.
 * @throws Error when the file cannot be read or written, or is no such configuration.
 */
export async function convertConfig(file: string, { output, force = false }: ConvertFlags): Promise<void> {
  const yaml = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`cannot read ${file}: ${messageOf(error)}`);
  });
  const { text, packages, remarks } = convertDistributionConfig(yaml);
  if (output === undefined) process.stdout.write(text);
  else await writeNew(output, text, force);
  const needs = ['@entrepot/core', ...packages].join(' ');
  const without = remarks.length === 1 ? '1 option has' : `${remarks.length} options have`;
  process.stderr.write(
    `${without} no equivalent${remarks.length === 0 ? '' : '; see the comments'}. Needed: npm install ${needs}\n`,
  );
}

async function writeNew(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw isThere ? new Error(`${file} is there already; --force writes it anew`) : error;
  }
}
