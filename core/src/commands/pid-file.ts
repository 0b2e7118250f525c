import { readFile, rm, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { messageOf } from '../error-message.ts';

/** Writes the id of this process where `registry reload` finds it, and takes it away when the process exits. */
export async function writePidFile(file: string): Promise<void> {
  try {
    await rm(file, { force: true }); // Another one's may be a link to somewhere.
    await writeFile(file, `${process.pid}\n`, { flag: 'wx' });
  } catch (error) {
    throw new Error(`cannot write the process id to ${file}: ${messageOf(error)}`, { cause: error });
  }
  process.once('exit', () => rmSync(file, { force: true }));
}

/** @throws Error that says what to do when there is no id. */
export async function readPidFile(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(
      `cannot read ${file}: ${messageOf(error)}; start the registry with --pid-file ${file}, or give --pid`,
      { cause: error },
    );
  });
  if (!/^[1-9]\d{0,9}\s*$/.test(text)) throw new Error(`${file} has no process id in it`);
  return Number(text);
}
