import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { networkInterfaces, totalmem } from 'node:os';
import type { Diagnosis, StorageDriver } from '@entrepot/plugin-sdk';
import type { ResolvedConfig } from '../config/define-config.ts';
import { messageOf } from '../error-message.ts';
import type { Logger } from '../log.ts';
import { firstPartBytes } from '../store/blob-writer.ts';
import { Tls } from '../tls/tls.ts';

/** Connections and open files a busy registry may need. */
const FEW_FILES = 4096;
const SOON = 14 * 24 * 60 * 60 * 1000;

/** The name and the address the registry is to listen on. */
export async function diagnoseAddress({ http: { host, port } }: ResolvedConfig): Promise<Diagnosis> {
  const subject = `the address ${host}:${port}`;
  try {
    const { address } = await lookup(host);
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const isOwn = address === '0.0.0.0' || address === '::' || own.some((each) => each.address === address);
    if (isOwn || address.startsWith('127.'))
      return { subject, state: 'good', finding: 'is one of this machine' };
    return {
      subject,
      state: 'bad',
      finding: `${address} is no address of this machine`,
      advice: 'correct http.host; 0.0.0.0 listens on every network',
    };
  } catch (error) {
    return { subject, state: 'bad', finding: messageOf(error), advice: 'correct http.host, or the DNS' };
  }
}

/** The certificate, when there is TLS. */
export async function diagnoseTls({ http }: ResolvedConfig, log: Logger): Promise<readonly Diagnosis[]> {
  const subject = 'the certificate';
  try {
    const certificate = http.tls === undefined ? undefined : await new Tls(http.tls, log).read();
    if (certificate === undefined) return [];
    const { names, validTo } = certificate;
    const left = validTo.getTime() - Date.now();
    const until = `${names}, until ${validTo.toISOString()}`;
    if (left > SOON) return [{ subject, state: 'good', finding: until }];
    return [
      {
        subject,
        state: left > 0 ? 'doubtful' : 'bad',
        finding: left > 0 ? `expires soon: ${until}` : `has expired: ${until}`,
        advice: 'renew it; a running registry takes over new files by itself',
      },
    ];
  } catch (error) {
    return [{ subject, state: 'bad', finding: messageOf(error), advice: 'correct http.tls' }];
  }
}

/** How many files the process may open. */
export async function diagnoseLimits(): Promise<readonly Diagnosis[]> {
  if (process.platform !== 'linux') return [];
  const limits = await readFile('/proc/self/limits', 'utf8');
  const most = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? 'unlimited';
  const subject = 'open files';
  if (most === 'unlimited' || Number(most) >= FEW_FILES)
    return [{ subject, state: 'good', finding: `${most} are allowed` }];
  return [
    {
      subject,
      state: 'doubtful',
      finding: `only ${most} are allowed, connections among them`,
      advice: `raise the limit to ${FEW_FILES} at least: LimitNOFILE of systemd, or ulimit -n`,
    },
  ];
}

/** What uploads may take of the memory, at the most. */
export function diagnoseMemory({ uploads, http }: ResolvedConfig, driver: StorageDriver): Diagnosis {
  const subject = 'memory';
  const workers = http.workers === 'auto' ? 1 : http.workers;
  const most = 2 * firstPartBytes(driver) * uploads.maxConcurrent * workers;
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const finding = `uploads may take ${gib(most)} of ${gib(totalmem())}, two parts for each of ${uploads.maxConcurrent}`;
  if (most < totalmem() / 2) return { subject, state: 'good', finding };
  return {
    subject,
    state: 'doubtful',
    finding,
    advice: 'lower uploads.maxConcurrent, or partSize of the storage',
  };
}
