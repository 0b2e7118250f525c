import { isObject } from '../../src/config/is-object.ts';
import { createLog, type Logger } from '../../src/log.ts';

export type LogLine = Readonly<Record<string, unknown>>;

export function parseLine(text: string): LogLine {
  const line: unknown = JSON.parse(text);
  if (!isObject(line)) throw new Error(`the log has a line that is no object: ${text}`);
  return line;
}

/** What the error of a line says. */
export function errorOf({ err }: LogLine): unknown {
  return isObject(err) ? err['message'] : undefined;
}

/** A log that keeps what is written to it. */
export interface KeptLog {
  readonly log: Logger;
  readonly lines: readonly LogLine[];
}

export async function keepLog(): Promise<KeptLog> {
  const lines: LogLine[] = [];
  const write = (text: string): void => {
    lines.push(parseLine(text));
  };
  return { log: await createLog({ level: 'debug', format: 'json' }, { write }), lines };
}
