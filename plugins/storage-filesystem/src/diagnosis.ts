import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Diagnosis } from '@entrepot/plugin-sdk';

/** Less than this share of the space, or of the files a file system may have, is soon used up. */
const LITTLE = 0.1;
const NOTHING = 0.01;
const GIB = 1024 ** 3;

/** Looks at the folder of a registry: whether it can be written, and what is left there. Changes nothing. */
export async function diagnoseRoot(root: string): Promise<readonly Diagnosis[]> {
  const subject = `the folder ${root}`;
  const folder = await firstThatExists(root);
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error';
    return [
      {
        subject,
        state: 'bad',
        finding: `${folder} cannot be read and written by user ${process.getuid?.() ?? ''}: ${code}`,
        advice: `give it to that user: chown -R ${process.getuid?.() ?? ''} ${folder}`,
      },
    ];
  }
  const finding =
    folder === root ? 'can be read and written' : `is not there yet, and can be made in ${folder}`;
  const { bsize, bavail, blocks, ffree, files } = await statfs(folder);
  const free = (bavail * bsize) / GIB;
  return [
    { subject, state: 'good', finding },
    left('disk space', blocks === 0 ? 1 : bavail / blocks, `${free.toFixed(1)} GiB are free`),
    // Some file systems have no bound, and say that there are none.
    ...(files === 0 ? [] : [left('inodes', ffree / files, `${ffree} are free`)]),
  ];
}

function left(subject: string, share: number, free: string): Diagnosis {
  const finding = `${free}, ${Math.round(share * 100)} %`;
  if (share >= LITTLE) return { subject, state: 'good', finding };
  const advice = "delete images and run 'registry gc', or give the file system more";
  return { subject, state: share >= NOTHING ? 'doubtful' : 'bad', finding, advice };
}

/** The folder itself, or the one it would be made in. */
async function firstThatExists(folder: string): Promise<string> {
  try {
    await access(folder);
    return folder;
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const above = dirname(folder);
    return isAbsent && above !== folder ? firstThatExists(above) : folder;
  }
}
