import { createInterface } from 'node:readline/promises';
import { Writable, type Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { setPassword } from './user-file.ts';

/** What the command reads and writes. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const USAGE = `Usage: registry htpasswd add USER [--file <path>] [--stdin] [--cost <10-14>]

Gives USER a password in an htpasswd file, and makes the file when it is absent.

  --file <path>  the file (default: ./htpasswd)
  --stdin        read the password from standard input, up to the end of the first line
  --cost <n>     bcrypt takes 2^n rounds (default: 10; 12 is four times as slow, to guess and to check)
`;
/** A password has up to 72 bytes; whoever pipes something else in hears so. */
const MAX_INPUT = 4096;

/**
 * The command `htpasswd`: `args` are what stands behind that word. Gives the exit code.
 * A password is never an argument: those are seen by everybody on the machine.
 */
export async function htpasswd(args: readonly string[], streams: Streams = process): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        file: { type: 'string', default: 'htpasswd' },
        stdin: { type: 'boolean', default: false },
        cost: { type: 'string', default: '10' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const [verb, name, ...others] = positionals;
    if (values.help) {
      streams.stdout.write(USAGE);
      return 0;
    }
    if (verb !== 'add' || name === undefined || others.length > 0) {
      streams.stderr.write(USAGE);
      return 1;
    }
    if (!/^1[0-4]$/.test(values.cost)) throw new Error('--cost is to be a number from 10 to 14');
    const password = values.stdin ? await firstLine(streams.stdin) : await askTwice(name, streams);
    const isNew = await setPassword(values.file, { name, password, cost: Number(values.cost) });
    streams.stdout.write(`${name} ${isNew ? 'is added to' : 'has a new password in'} ${values.file}\n`);
    return 0;
  } catch (error) {
    streams.stderr.write(`htpasswd: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function firstLine(stdin: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MAX_INPUT) throw new Error('standard input has more than a password');
    if (text.includes('\n')) break;
  }
  const [line = ''] = text.split('\n');
  return line.replace(/\r$/, '');
}

async function askTwice(name: string, { stdin, stderr }: Streams): Promise<string> {
  if (stdin.isTTY !== true) throw new Error('there is no terminal to ask for the password; use --stdin');
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true });
  const aborted = new AbortController();
  terminal.once('SIGINT', () => {
    aborted.abort();
  });
  terminal.once('close', () => {
    aborted.abort();
  });
  const ask = async (question: string): Promise<string> => {
    stderr.write(question);
    const answer = await terminal.question('', { signal: aborted.signal });
    stderr.write('\n');
    return answer;
  };
  try {
    const password = await ask(`Password for ${name}: `);
    if ((await ask('Once more: ')) !== password)
      throw new Error('the two are not the same; nothing was changed');
    return password;
  } catch (error) {
    if (aborted.signal.aborted) throw new Error('nothing was changed', { cause: error });
    throw error;
  } finally {
    terminal.close();
  }
}
