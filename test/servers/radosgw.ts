import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answering, debianPrograms, freePort, start, type RunningProgram } from './program.ts';
import { credentials, type S3Server } from './s3-server.ts';

const execute = promisify(execFile);

/** Milliseconds each command that sets the cluster up may take. */
const timeout = 60_000;

/** Starts the S3 gateway of Ceph over a cluster of one monitor and one OSD that keeps everything in memory. */
export async function startRadosgw(): Promise<S3Server> {
  await debianPrograms(
    ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'monmaptool'],
    ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'],
  );
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-radosgw-'));
  const running: RunningProgram[] = [];
  const stop = async (): Promise<void> => {
    for (const program of running.toReversed()) await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const endpoint = await startCluster(folder, running);
    return { endpoint, credentials, stop };
  } catch (error) {
    const printed = running.map((program) => program.printed()).join('\n');
    await stop();
    throw new Error(`radosgw did not start. Its programs printed:\n${printed}`, { cause: error });
  }
}

/** Gives the endpoint. Every program that has been started is in `running` by then, also when something fails. */
async function startCluster(folder: string, running: RunningProgram[]): Promise<string> {
  const [cluster, osd] = [randomUUID(), randomUUID()];
  const [monitorPort, port] = [await freePort(), await freePort()];
  const config = join(folder, 'ceph.conf');
  const monitorMap = join(folder, 'monmap');
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(folder, name));
  await writeFile(config, settings(folder, cluster, monitorPort, port));

  const run = (program: string, ...args: readonly string[]): Promise<unknown> =>
    execute(program, ['-c', config, ...args], { cwd: folder, timeout, maxBuffer: 2 ** 26 });
  const launch = (program: string, ...args: readonly string[]): RunningProgram => {
    const started = start(program, ['-c', config, '-f', ...args], { cwd: folder });
    running.push(started);
    return started;
  };

  const address = `[v1:127.0.0.1:${monitorPort}]`;
  await execute('monmaptool', ['--create', '--addv', 'a', address, '--fsid', cluster, monitorMap], {
    timeout,
  });
  await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monitorMap);
  launch('ceph-mon', '-i', 'a');
  await run('ceph', 'osd', 'new', osd);
  await run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
  // The OSD would put itself into the map when it starts, and end when it does so before it knows the monitor well.
  await run('ceph', 'osd', 'crush', 'add', 'osd.0', '1', 'root=default', 'host=here');
  launch('ceph-osd', '-i', '0');
  const { accessKeyId, secretAccessKey } = credentials;
  await run(
    'radosgw-admin',
    ...['-n', 'client.rgw', 'user', 'create', '--uid', 'entrepot', '--display-name', 'Entrepot'],
    ...['--access-key', accessKeyId, '--secret-key', secretAccessKey, '--max-buckets', '100000'],
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await answering(endpoint, launch('radosgw', '-n', 'client.rgw'));
  return endpoint;
}

/** Without authentication inside the cluster; gateways insist on `secure` connections unless they are told not to. */
function settings(folder: string, cluster: string, monitorPort: number, port: number): string {
  return `[global]
fsid = ${cluster}
mon host = [v1:127.0.0.1:${monitorPort}]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
run dir = ${folder}
log file = ${folder}/$name.log
pid file = ${folder}/$name.pid
admin socket = ${folder}/$name.asok
public addr = 127.0.0.1
cluster addr = 127.0.0.1
[mon]
mon data = ${folder}/mon
mon max pg per osd = 1000
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
osd crush update on start = false
osd class update on start = false
memstore device bytes = 8589934592
[client.rgw]
ms mon client mode = crc
ms client mode = crc
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw override bucket index max shards = 1
rgw enable usage log = false
`;
}
