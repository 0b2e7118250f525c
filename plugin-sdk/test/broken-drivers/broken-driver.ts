import type { StorageDriver } from '@entrepot/plugin-sdk';

/** A way to break a driver that is correct, and the test of the kit that has to notice. */
export interface BrokenDriver {
  /** What is wrong with it. */
  readonly flaw: string;
  /** Title of a test that fails. */
  readonly noticed: string;
  /** What it does instead. Called for each driver, as a process would construct one. */
  readonly breaks: (driver: StorageDriver) => Partial<StorageDriver>;
}
