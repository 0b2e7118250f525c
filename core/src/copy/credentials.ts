import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Who asks a registry, or its token server. */
export type Credentials =
  | { readonly user: string; readonly password: string }
  /** OAuth2 refresh token. */
  | { readonly refreshToken: string };

const HUB = 'https://index.docker.io/v1/';
const HELPER_MILLISECONDS = 30_000;

/** Reads `user:password`. @throws Error when it is something else. */
export function parseCredentials(text: string): Credentials {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error('credentials are to be USER:PASSWORD');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * What docker login or podman login has kept for a registry: in `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` or
 * `~/.docker/config.json`, or with the credential helper named there. `undefined` when there is nothing.
 * @throws Error when the file, or what the helper says, cannot be understood.
 */
export async function keptCredentials(host: string): Promise<Credentials | undefined> {
  const { DOCKER_CONFIG, REGISTRY_AUTH_FILE } = process.env;
  const file = REGISTRY_AUTH_FILE ?? join(DOCKER_CONFIG ?? join(homedir(), '.docker'), 'config.json');
  const config = await readConfig(file);
  if (config === undefined) return undefined;
  const name = host === 'docker.io' ? HUB : host;
  const helpers = membersOf(config['credHelpers']);
  const helper = helpers[host] ?? config['credsStore'];
  if (typeof helper === 'string' && helper !== '') {
    const found = await askHelper(helper, name);
    if (found !== undefined) return found;
  }
  const auths = membersOf(config['auths']);
  const entry = membersOf(auths[name] ?? auths[`https://${host}`] ?? auths[`https://${host}/`]);
  const { auth, identitytoken } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '') return { refreshToken: identitytoken };
  if (typeof auth !== 'string' || auth === '') return undefined;
  return parseCredentials(Buffer.from(auth, 'base64').toString('utf8'));
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return membersOf(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is not JSON`, { cause });
  }
}

/** The protocol of docker-credential-helpers: the server goes in, JSON comes out. */
async function askHelper(helper: string, server: string): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper)) throw new Error(`'${helper}' cannot be the name of a credential helper`);
  const running = promisify(execFile)(`docker-credential-${helper}`, ['get'], {
    timeout: HELPER_MILLISECONDS,
  });
  running.child.stdin?.on('error', () => undefined).end(server);
  let said: string;
  try {
    said = (await running).stdout;
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    if (output.includes('credentials not found')) return undefined;
    throw new Error(`docker-credential-${helper} gives no credentials for ${server}`, { cause: error });
  }
  const { Username: user, Secret: secret } = membersOf(JSON.parse(said));
  if (typeof user !== 'string' || typeof secret !== 'string')
    throw new Error(`docker-credential-${helper} says something that is not understood`);
  return user === '<token>' ? { refreshToken: secret } : { user, password: secret };
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
