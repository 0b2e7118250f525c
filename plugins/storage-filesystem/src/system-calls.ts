import * as fs from 'node:fs';

// System calls as promises. fs/promises offers the same at two to three times the CPU time: its FileHandle is an event
// target with its own bookkeeping, while most of what is called here is over after a few microseconds in the kernel.

type Done<Result> = (error: Error | null, result: Result) => void;

function call<Result>(start: (done: Done<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}

export function open(path: string, flags: number): Promise<number> {
  return call<number>((done) => fs.open(path, flags, 0o666, done));
}

export function close(fd: number): Promise<void> {
  return call<void>((done) => fs.close(fd, (error) => done(error)));
}

/** Closes what was only read: nothing can be lost by it, so nobody has to wait for it. */
export function letGo(fd: number): void {
  fs.close(fd, () => undefined);
}

/** Times are in milliseconds with a fraction that keeps quarters of a microsecond. */
export function fstat(fd: number): Promise<fs.Stats> {
  return call<fs.Stats>((done) => fs.fstat(fd, done));
}

/** Does not follow a symbolic link. */
export function lstat(path: string): Promise<fs.Stats> {
  return call<fs.Stats>((done) => fs.lstat(path, done));
}

/** Fills `buffer` from `position` on and returns how many bytes there were; 0 at the end of the file. */
export function read(fd: number, buffer: Uint8Array, position: number): Promise<number> {
  return call<number>((done) => fs.read(fd, buffer, 0, buffer.length, position, done));
}

/** Returns how many bytes have been written, maybe not all. */
export function write(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return call<number>((done) => fs.write(fd, bytes, 0, bytes.length, position, done));
}

/** Returns how many bytes have been written, maybe not all. */
export function writev(fd: number, chunks: readonly Uint8Array[], position: number): Promise<number> {
  return call<number>((done) => fs.writev(fd, chunks, position, done));
}

export function fsync(fd: number): Promise<void> {
  return call<void>((done) => fs.fsync(fd, (error) => done(error)));
}

export function fdatasync(fd: number): Promise<void> {
  return call<void>((done) => fs.fdatasync(fd, (error) => done(error)));
}

export function ftruncate(fd: number, length: number): Promise<void> {
  return call<void>((done) => fs.ftruncate(fd, length, (error) => done(error)));
}

export function link(path: string, newPath: string): Promise<void> {
  return call<void>((done) => fs.link(path, newPath, (error) => done(error)));
}

export function rename(path: string, newPath: string): Promise<void> {
  return call<void>((done) => fs.rename(path, newPath, (error) => done(error)));
}

export function unlink(path: string): Promise<void> {
  return call<void>((done) => fs.unlink(path, (error) => done(error)));
}

/** Creates a directory and its parents; none of them has to be missing. */
export function makeDirectories(path: string): Promise<void> {
  return call<void>((done) => fs.mkdir(path, { recursive: true }, (error) => done(error)));
}
