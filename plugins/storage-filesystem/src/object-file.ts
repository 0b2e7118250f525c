import { constants, type Stats } from 'node:fs';
import { isAbsence } from './errors.ts';
import { fstat, letGo, lstat, open } from './system-calls.ts';

/** `O_NONBLOCK` so that a foreign pipe cannot keep us waiting, `O_NOFOLLOW` so that symbolic links lead nowhere. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A file open for reading. Whoever has it closes it. */
export interface OpenFile {
  readonly fd: number;
  readonly stat: Stats;
}

/** Opens a file for reading; `undefined` when there is nothing at `path`, or something that is no file. */
export async function openFile(path: string): Promise<OpenFile | undefined> {
  const fd = await unlessAbsent(open(path, READ));
  if (fd === undefined) return undefined;
  try {
    const stat = await fstat(fd);
    if (stat.isFile()) return { fd, stat };
  } catch (error) {
    letGo(fd);
    throw error;
  }
  letGo(fd);
  return undefined;
}

/** What is known about the file at `path`; `undefined` when there is nothing, or something that is no file. */
export async function statFile(path: string): Promise<Stats | undefined> {
  const stat = await unlessAbsent(lstat(path));
  return stat?.isFile() === true ? stat : undefined;
}

async function unlessAbsent<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
