import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianPrograms, freePort, start, type RunningProgram } from './program.ts';

const execute = promisify(execFile);

/** OpenLDAP on the loopback address, with a directory of `dc=example,dc=com`. */
export interface Slapd {
  /** `ldap://127.0.0.1:<port>`, which knows StartTLS. */
  readonly url: string;
  /** `ldaps://127.0.0.1:<port>` */
  readonly secureUrl: string;
  /** The certificate it is to be trusted by. */
  readonly caFile: string;
  /** Ends it; {@link resume} starts it again on the same ports, with the same entries. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

const configuration = (folder: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile ${folder}/slapd.pid
TLSCertificateFile ${folder}/server.pem
TLSCertificateKeyFile ${folder}/server.key
database mdb
suffix "dc=example,dc=com"
directory ${folder}/entries
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=groups,dc=example,dc=com" by users read by * none
access to * by dn.exact="cn=registry,ou=accounts,dc=example,dc=com" read by self read by anonymous auth by * none
`;

/** @param entries In LDIF, with the entry `dc=example,dc=com` first. @throws Error with what it has printed. */
export async function startSlapd(entries: string): Promise<Slapd> {
  await debianPrograms(['slapd', 'slapadd'], ['slapd']);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-slapd-'));
  const [port, securePort] = [await freePort(), await freePort()];
  const [url, secureUrl] = [`ldap://127.0.0.1:${port}`, `ldaps://127.0.0.1:${securePort}`];
  let program: RunningProgram | undefined;
  const resume = async (): Promise<void> => {
    const addresses = `${url} ${secureUrl}`;
    program = start('slapd', ['-f', join(folder, 'slapd.conf'), '-h', addresses, '-d', '0'], { cwd: folder });
    await listening(port, program);
  };
  const stop = async (): Promise<void> => {
    await program?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await mkdir(join(folder, 'entries'));
    await writeFile(join(folder, 'slapd.conf'), configuration(folder));
    await writeFile(join(folder, 'entries.ldif'), entries);
    await writeCertificate(folder);
    await execute('slapadd', ['-f', join(folder, 'slapd.conf'), '-l', join(folder, 'entries.ldif')]);
    await resume();
  } catch (error) {
    await stop();
    throw error;
  }
  const pause = async (): Promise<void> => program?.stop();
  return { url, secureUrl, caFile: join(folder, 'server.pem'), pause, resume, stop };
}

/** For 127.0.0.1, and signed by itself. */
async function writeCertificate(folder: string): Promise<void> {
  await execute('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=directory'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', join(folder, 'server.key'), '-out', join(folder, 'server.pem')],
  ]);
}

async function listening(port: number, program: RunningProgram): Promise<void> {
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (program.child.exitCode !== null)
        throw new Error(`slapd has ended. It printed:\n${program.printed()}`, { cause: error });
    } finally {
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
