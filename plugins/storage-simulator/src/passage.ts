import type { StorageDriver } from '@entrepot/plugin-sdk';

/** A method of a driver that goes to storage. */
export type Verb = Exclude<keyof StorageDriver, 'partSize'>;

/** A call on its way to storage. */
export interface StorageCall {
  readonly verb: Verb;
  /** Of a list: the prefix. */
  readonly key: string;
  /** Bytes it carries to storage. */
  readonly bytes: number;
}

/** What lies between a registry and its storage: decides when a call takes place, and what becomes of its answer. */
export interface Passage {
  /** Calls `perform` at most once and gives its answer, or throws a `StorageError`. */
  pass<Answer>(call: StorageCall, perform: () => Promise<Answer>): Promise<Answer>;
}
