import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Each client, and how it comes onto a machine. `.ci/run` installs them all. */
const installation = {
  buildah: 'apt-get install buildah',
  conformance:
    'go install github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111',
  crane: 'go install github.com/google/go-containerregistry/cmd/crane@v0.21.9',
  helm: 'go install helm.sh/helm/v4/cmd/helm@v4.2.4',
  oras: 'go install oras.land/oras/cmd/oras@v1.3.3',
  podman: 'apt-get install podman crun',
  regctl: 'go install github.com/regclient/regclient/cmd/regctl@v0.11.5',
  skopeo: 'apt-get install skopeo',
};
export type ClientName = keyof typeof installation;

/** Runs a client with these arguments and gives what it wrote to its standard output. */
export type Client = (...args: readonly string[]) => Promise<string>;

/** A client that did not end with 0. `output` is all that it printed. */
export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
  readonly output: string;

  constructor(command: string, output: string) {
    super(`${command}\n${output}`);
    this.output = output;
  }
}

/**
 * The client of this name, found in the folder ENTREPOT_CLIENTS_BIN or on PATH, living in `home`: it sees no
 * configuration and no credentials of the machine.
 * @throws Error that says how to install it, when it is not there.
 */
export function client(
  name: ClientName,
  home: string,
  environment: Readonly<Record<string, string>> = {},
): Client {
  const program = locate(name);
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: home, ...environment };
  return async (...args) => {
    try {
      const running = execute(program, args, { env, cwd: home, timeout: 120_000, maxBuffer: 2 ** 26 });
      // None of them is asked anything: a prompt is answered with the end of the input.
      running.child.stdin?.end();
      return (await running).stdout;
    } catch (error) {
      throw new ClientFailure(`${name} ${args.join(' ')}`, outputOf(error));
    }
  };
}

function locate(name: ClientName): string {
  const folders = [process.env['ENTREPOT_CLIENTS_BIN'], ...(process.env['PATH'] ?? '').split(delimiter)];
  for (const folder of folders) {
    if (folder === undefined || folder === '') continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      continue;
    }
  }
  throw new Error(
    `${name} is neither in the folder ENTREPOT_CLIENTS_BIN nor on PATH. Install it with '${installation[name]}'.`,
  );
}

/** What is known of a program that failed: its output, and when it printed none, why it could not run. */
function outputOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const output = [
    'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '',
    'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '',
  ].join('');
  return output === '' ? error.message : output;
}
