import { inspect } from 'node:util';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addMovingCommands } from './cli/moving-commands.ts';
import type { ExplainFlags } from './commands/access.ts';
import type { CheckFlags } from './commands/check.ts';
import type { DuFlags } from './commands/du.ts';
import type { DoctorFlags } from './commands/doctor.ts';
import type { EventsFlags } from './commands/events.ts';
import type { GcFlags } from './commands/gc.ts';
import type { InitFlags } from './commands/init.ts';
import type { KeysFlags } from './commands/keys.ts';
import type { ReloadFlags } from './commands/reload.ts';
import type { RetentionFlags } from './commands/retention.ts';
import type { StartFlags } from './commands/start.ts';
import type { TagRestoreFlags } from './commands/tag.ts';
import type { UndoFlags } from './commands/undoing.ts';
import type { VerifyFlags } from './commands/verify.ts';
import type { WhyFlags } from './commands/why.ts';
import { messageOf } from './error-message.ts';
import { readVersion } from './version.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * Runs the command line. Each command is loaded when it is called, so that none makes another slow. A command that
 * fails says why in a sentence on standard error, and the exit code is 1.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('registry')
    .description('Entrepot, a container registry')
    .version(readVersion())
    .configureHelp({ sortSubcommands: false });

  program
    .command('start')
    .description('run the registry until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--host <address>', 'address to listen on, instead of http.host')
    .option('--port <number>', 'port to listen on, instead of http.port; 0 takes a free one', toPort)
    .addOption(
      new Option('--log-level <level>', 'least severe level to log, instead of log.level').choices(levels),
    )
    .option('--pid-file <file>', "write the process id there, for 'registry reload'")
    .option('--watch', 'reload the configuration when its file changes, as SIGHUP does')
    .action((flags: StartFlags) =>
      run(async () => (await import('./commands/start.ts')).start(flags), flags.logLevel),
    );

  program
    .command('reload')
    .description('tell a running registry to go on with its configuration as it is now')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--pid <number>', 'process id of the registry', toProcessId)
    .option('--pid-file <file>', 'file with the process id, as given to start')
    .action((flags: ReloadFlags) => run(async () => (await import('./commands/reload.ts')).reload(flags)));

  program
    .command('check')
    .description('check the configuration and the plugins, and start nothing')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .action((flags: CheckFlags) => run(async () => (await import('./commands/check.ts')).check(flags)));

  program
    .command('doctor')
    .description('look at what a registry needs, and say what to do about what is wrong')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--json', 'write lines of JSON')
    .addHelpText('after', '\nThe exit code is 1 when something is bad, or cannot be looked at.')
    .action((flags: DoctorFlags) => run(async () => (await import('./commands/doctor.ts')).doctor(flags)));

  program
    .command('verify')
    .description('look through all that is stored and find what is missing, damaged or left over')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--deep', 'hash the bytes of every blob')
    .option('--repair', 'repair what can be repaired with certainty, and set aside what is damaged')
    .option('--json', 'write lines of JSON on a terminal too')
    .addHelpText(
      'after',
      '\nThe exit code is 0 when all is sound, 1 when something was found, 2 when it cannot be told.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action((flags: VerifyFlags) => run(async () => (await import('./commands/verify.ts')).verify(flags)));

  program
    .command('gc')
    .description('give back the space of what nothing refers to any more, while registries may serve')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--rate <calls>', 'storage calls a second at most (default: as many as it answers)', toRate)
    .option('--json', 'write lines of JSON on a terminal too')
    .addHelpText(
      'after',
      '\nThe exit code is 0 when it has come to its end or another process collects already, and 1 when it has failed.',
    )
    .action((flags: GcFlags) => run(async () => (await import('./commands/gc.ts')).gc(flags)));

  program
    .command('why')
    .description('tell what keeps a manifest or a blob, or when it goes, and change nothing')
    .argument('<content>', 'REPO@DIGEST, or DIGEST for a blob')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--json', 'write JSON')
    .addHelpText('after', '\nThe exit code is 0 when it is there, and 1 when it is not.')
    .action((content: string, flags: WhyFlags) =>
      run(async () => (await import('./commands/why.ts')).why(content, flags)),
    );

  program
    .command('du')
    .description('tell how many bytes repositories take, alone and together, and change nothing')
    .argument('[repo]', 'only this repository')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--json', 'write lines of JSON on a terminal too')
    .action((repository: string | undefined, flags: DuFlags) =>
      run(async () => (await import('./commands/du.ts')).du(repository, flags)),
    );

  const tag = program
    .command('tag')
    .description('look up what a tag has pointed at, and bring it back, while registries may serve');
  tag
    .command('history')
    .description('print what a tag has pointed at, and when, the newest first')
    .argument('<repo:tag>', 'the repository as in its URL, and the tag')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--json', 'write lines of JSON on a terminal too')
    .action((reference: string, flags: UndoFlags) =>
      run(async () => (await import('./commands/tag.ts')).tagHistory(reference, flags)),
    );
  tag
    .command('restore')
    .description('point a tag at what it pointed at before, deleted or not')
    .argument('<repo:tag>', 'the repository as in its URL, and the tag')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--to <digest>', 'the manifest it is to point at')
    .option('--at <time>', 'what it pointed at then: 2026-11-25T18:00:00Z')
    .option('--json', 'write lines of JSON on a terminal too')
    .action((reference: string, flags: TagRestoreFlags) =>
      run(async () => (await import('./commands/tag.ts')).tagRestore(reference, flags)),
    );

  program
    .command('undelete')
    .description('bring a deleted manifest back with its tags, or a deleted tag with its manifest')
    .argument('<reference>', 'REPO@DIGEST or REPO:TAG, the repository as in its URL')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--json', 'write lines of JSON on a terminal too')
    .action((reference: string, flags: UndoFlags) =>
      run(async () => (await import('./commands/undelete.ts')).undelete(reference, flags)),
    );

  addMovingCommands(program, run);

  program
    .command('retention')
    .description('delete the tags that no rule of retention keeps, while registries may serve')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--dry-run', 'tell of each tag which rule keeps it or that none does, and change nothing')
    .option('--json', 'write lines of JSON on a terminal too')
    .action((flags: RetentionFlags) =>
      run(async () => (await import('./commands/retention.ts')).retention(flags)),
    );

  program
    .command('init')
    .description('write a commented configuration into the current folder')
    .option('-f, --force', 'write it anew when it is there')
    .action((flags: InitFlags) => run(async () => (await import('./commands/init.ts')).init(flags)));

  program
    .command('access')
    .description('ask the plugins of the configuration who may do what')
    .command('explain')
    .description('print whether somebody may do something, and which rule decides; start nothing')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--user <name>', 'who asks (default: somebody who has not said who they are)')
    .option('--group <name...>', 'groups of the user, besides those of the configuration')
    .option('--claim <name=value...>', 'claims of the user')
    .option('--address <address>', 'where the request comes from', '127.0.0.1')
    .option('--repo <name>', 'the repository')
    .option('--new', 'take the repository for one that does not exist yet')
    .addOption(
      new Option('--action <action>', 'what is to be done')
        .choices(['pull', 'push', 'delete', 'catalog'])
        .default('pull'),
    )
    .action((flags: ExplainFlags) =>
      run(async () => (await import('./commands/access.ts')).explainAccess(flags)),
    );

  program
    .command('htpasswd')
    .description('add users to the file of the plugin auth-htpasswd, or change their passwords')
    .argument('[arguments...]', 'add USER [--file <path>] [--stdin] [--cost <10-14>]')
    .helpOption(false)
    .allowUnknownOption()
    .action((args: string[]) => run(async () => (await import('./commands/htpasswd.ts')).htpasswd(args)));

  program
    .command('keys')
    .description('make, list and revoke the keys of people and robots, of the plugin auth-keys')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .argument('[arguments...]', 'create NAME …, list [NAME], revoke ID…; --help says more')
    .helpOption(false)
    .allowUnknownOption()
    .action((args: string[], flags: KeysFlags) =>
      run(async () => (await import('./commands/keys.ts')).keys(args, flags)),
    );

  program
    .command('events')
    .description('look at what sinks of events have delivered and given up, and deliver it again')
    .argument('<what...>', 'tail, replay, dead-letter list, or dead-letter retry [letter...]')
    .option('-c, --config <file>', 'configuration file (default: registry.config.* in the current folder)')
    .option('--sink <name>', 'the sink, when there are several: webhook.ci')
    .option('--since <time>', 'replay from then on: 90m, 2h, 1d, or a time like 2026-01-31T12:00:00Z')
    .action((what: string[], flags: EventsFlags) =>
      run(async () => (await import('./commands/events.ts')).events(what, flags)),
    );

  await program.parseAsync([...argv]);
}

/** A stack is for those who debug. */
async function run(command: () => Promise<void>, logLevel?: string): Promise<void> {
  try {
    await command();
  } catch (error) {
    const debug = logLevel === 'debug' || logLevel === 'trace';
    process.stderr.write(
      `registry: ${debug && error instanceof Error ? inspect(error) : messageOf(error)}\n`,
    );
    process.exit(1);
  }
}

function toPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It has to be a number from 0 to 65535.');
}

function toProcessId(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It has to be the id of a process.');
}

function toRate(text: string): number {
  const rate = Number(text);
  if (/^\d{1,7}$/.test(text) && rate > 0) return rate;
  throw new InvalidArgumentError('It has to be a whole number above 0.');
}
