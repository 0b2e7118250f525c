import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, and where its number means something. */
export interface Holder {
  readonly pid: number;
  /** Equal for processes that see each other by their numbers. */
  readonly place: string;
}

/** This process. */
export const self: Holder = { pid: process.pid, place: placeOfProcesses() };

/** Whether `holder` is seen to have ended. One that cannot be seen from here may live. */
export function hasEnded(holder: Holder): boolean {
  if (holder.place !== self.place) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    // Anything else, such as EPERM, is said of processes that live.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/** On Linux one running of one machine, and the container in it (proc(5), namespaces(7)); elsewhere the machine's name. */
function placeOfProcesses(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // No such files on other systems, and not in every sandbox.
    return hostname();
  }
}
