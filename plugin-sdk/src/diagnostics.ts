import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Endpoints for operators, at the address of `diagnostics` in the configuration and never where clients are served.
 * Nobody is asked who they are there: who reaches the address may read all of it.
 */
export interface DiagnosticRoutes {
  /**
   * Answers GET and HEAD of exactly this path. A handler that throws, or rejects, is answered with 500, and the log
   * says why. @throws Error when the path is taken.
   */
  get(
    path: string,
    handler: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  ): void;
}

/** The other processes that serve the same registry with `http.workers`. Alone there are none. */
export interface Siblings {
  /** From 1; undefined in a process that is alone. */
  readonly worker: number | undefined;
  /** Says what this process answers when another one asks the plugin of the same name. One answer for each plugin. */
  answer(give: () => string | Promise<string>): void;
  /** Asks all others. Those that do not answer within a second, or fail, are left out. */
  ask(): Promise<readonly SiblingAnswer[]>;
}

export interface SiblingAnswer {
  readonly worker: number;
  readonly text: string;
}

/** How well something is of what a plugin needs, for `registry doctor`. */
export interface Diagnosis {
  /** What was looked at, in a few words: `the folder /var/lib/registry`. */
  readonly subject: string;
  /** `bad` keeps the registry from its work, `doubtful` may. */
  readonly state: 'good' | 'doubtful' | 'bad';
  /** What was found. */
  readonly finding: string;
  /** What to do about it; there unless it is good. */
  readonly advice?: string;
}
