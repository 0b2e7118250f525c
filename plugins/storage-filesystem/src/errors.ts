import { StorageError, type StorageErrorCode } from '@entrepot/plugin-sdk';

/** Whether `error` comes from the operating system with one of these codes, `ENOENT` for instance. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return isSystemError(error) && codes.includes(error.code);
}

/** Whether `error` says that a path leads to no file: nothing there, a file on the way, or a symbolic link. */
export function isAbsence(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP');
}

/**
 * What to throw for `error`: a {@link StorageError} for everything the operating system says; anything else is
 * a mistake in a program and stays what it is. `doing` tells the log what was being done.
 */
export function storageError(error: unknown, doing: string): unknown {
  if (!isSystemError(error)) return error;
  return new StorageError(codeOf(error.code), `${doing}: ${error.code} in ${error.syscall}`, {
    cause: error,
  });
}

function codeOf(errno: string): StorageErrorCode {
  return errno === 'ENOSPC' || errno === 'EDQUOT' ? 'NO_SPACE' : 'UNAVAILABLE';
}

interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}
