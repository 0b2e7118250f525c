import { parentPort, workerData } from 'node:worker_threads';
import type { StorageErrorCode } from '@entrepot/plugin-sdk';
import { openDatabase, Refusal, type Database } from './database.ts';

/** What the driver asks of this thread: to call one function of the database. */
export interface Question {
  readonly id: number;
  readonly verb: keyof Database;
  readonly args: never[];
}

export type Answer =
  | { readonly id: number; readonly result: never }
  | { readonly id: number; readonly error: { readonly code: StorageErrorCode; readonly message: string } };

const database = openDatabase(String(workerData));

parentPort?.on('message', ({ id, verb, args }: Question) => {
  const work: (...args: never[]) => unknown = database[verb];
  try {
    parentPort?.postMessage({ id, result: work(...args) });
  } catch (error) {
    parentPort?.postMessage({ id, error: { code: codeOf(error), message: String(error) } });
  }
});

function codeOf(error: unknown): StorageErrorCode {
  if (error instanceof Refusal) return error.code;
  return isFull(error) ? 'NO_SPACE' : 'UNAVAILABLE';
}

/** SQLITE_FULL, in its plain form or an extended one. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error && 'errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === 13;
}
