import type { StorageDriver } from '../storage.ts';

/** The two functions of a test runner: mocha's, vitest's and node:test's all fit. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (title: string, test: () => Promise<void>) => unknown;
}

/** An empty backend of its own, made for one test. */
export interface Backend {
  readonly driver: StorageDriver;
  /** Another driver over the same backend, as another process would make it: they share no memory of their own. */
  reopen(): Promise<StorageDriver> | StorageDriver;
  /** Removes the backend and lets go of everything, also after a failed test. */
  destroy(): Promise<void>;
}

/** Declares one test. Every test has a backend to itself. */
export type StorageTest = (title: string, test: (backend: Backend) => Promise<void>) => void;
