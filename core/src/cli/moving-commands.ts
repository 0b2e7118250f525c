import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ConvertFlags } from '../commands/convert.ts';
import type { CopyFlags } from '../commands/copy.ts';
import type { ExportFlags, ImportFlags } from '../commands/transfer.ts';

/** Adds the commands that bring content and configurations from other registries, and back. `run` runs one of them. */
export function addMovingCommands(
  program: Command,
  run: (command: () => Promise<void>) => Promise<void>,
): void {
  program
    .command('import')
    .description('take over what another registry keeps in the same storage, in place, while both may serve')
    .addOption(
      new Option('--from <kind>', 'the kind of registry: CNCF distribution, Harbor or GitLab')
        .choices(['distribution'])
        .makeOptionMandatory(),
    )
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--dry-run', 'tell what would be taken over, and change nothing')
    .option('--deep', 'hash the bytes of every blob that is taken over')
    .option('--final', 'declare the old registry gone for good, unless something was left out')
    .option('--json', 'write lines of JSON on a terminal too')
    .addHelpText(
      'after',
      '\nThe exit code is 0 when all was taken over, 1 when something was left out, 2 when it did not come to its end.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action((flags: ImportFlags) =>
      run(async () => (await import('../commands/transfer.ts')).importFrom(flags)),
    );

  program
    .command('export')
    .description('write what is stored for another registry too, into the same storage, while both may serve')
    .addOption(
      new Option('--to <kind>', 'the kind of registry: CNCF distribution, which can serve it at once')
        .choices(['distribution'])
        .makeOptionMandatory(),
    )
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--dry-run', 'tell what would be written, and change nothing')
    .option('--json', 'write lines of JSON on a terminal too')
    .addHelpText(
      'after',
      '\nThe exit code is 0 when all is there now, 1 when something was left out, 2 when it did not come to its end.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action((flags: ExportFlags) =>
      run(async () => (await import('../commands/transfer.ts')).exportTo(flags)),
    );

  program
    .command('copy')
    .description('copy tags, repositories or all of a registry to another one, whatever kinds they are')
    .argument(
      '<source>',
      'HOST, HOST/REPO, HOST/REPO:TAG or HOST/REPO@DIGEST; * in REPO and TAG stands for any text',
    )
    .argument('<target>', 'HOST, or HOST/REPO: the repository, or what stands before the names of several')
    .option('--referrers', 'copy signatures, attestations and the like too')
    .option('--src-creds <user:password>', 'who asks the source (default: what docker login has kept)')
    .option('--dest-creds <user:password>', 'who asks the target (default: what docker login has kept)')
    .option('--jobs <number>', 'tags, and blobs, that are under way at a time', toJobs, 8)
    .option('--dry-run', 'tell what would be copied, and change nothing')
    .option('--json', 'write lines of JSON on a terminal too')
    .addHelpText(
      'after',
      '\nThe exit code is 0 when all is there now, 1 when something could not be copied, 2 when it cannot be told.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action((source: string, target: string, flags: CopyFlags) =>
      run(async () => (await import('../commands/copy.ts')).copy(source, target, flags)),
    );

  program
    .command('config')
    .description('work on configurations')
    .command('convert')
    .description('turn the config.yml of a CNCF distribution registry into a configuration')
    .argument('<file>', 'the YAML, where it is not changed')
    .option('-o, --output <file>', 'where the configuration goes (default: standard output)')
    .option('-f, --force', 'write the output anew when it is there')
    .action((file: string, flags: ConvertFlags) =>
      run(async () => (await import('../commands/convert.ts')).convertConfig(file, flags)),
    );
}

const MOST_JOBS = 64;

function toJobs(text: string): number {
  const jobs = Number(text);
  if (/^\d{1,2}$/.test(text) && jobs > 0 && jobs <= MOST_JOBS) return jobs;
  throw new InvalidArgumentError(`It has to be a whole number from 1 to ${MOST_JOBS}.`);
}
