import { userInfo } from 'node:os';
import { loadConfig } from '../config/load-config.ts';
import { createLog } from '../log.ts';
import { openUndo, type Undo } from '../registry/undo.ts';

export interface UndoFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Does something with the storage of the configuration, which registries may be serving, and closes it again. */
export async function whileUndoing<Result>(
  { config: file }: UndoFlags,
  work: (undo: Undo) => Promise<Result>,
): Promise<Result> {
  const { config } = await loadConfig(file === undefined ? {} : { file });
  const log = await createLog(config.log, process.stderr);
  const opened = await openUndo(config, { log, actor: `registry command of ${userName()}` });
  try {
    return await work(opened.undo);
  } finally {
    await opened.close();
  }
}

/** In a container the user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}
