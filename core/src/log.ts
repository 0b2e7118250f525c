import {
  pino,
  stdSerializers,
  stdTimeFunctions,
  type DestinationStream,
  type Logger as PinoLogger,
} from 'pino';
import type { Settings } from './config/define-config.ts';
import { waitAtMost } from './time-limit.ts';

/** The logger of core; plugins get a child of it. */
export type Logger = PinoLogger;

/** Lines that wait for a slow reader of the log; beyond this they are dropped and counted rather than kept in memory. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** How long an exit waits for a reader of the log. */
const FLUSH_MILLISECONDS = 2000;

/** What a pipe takes as one, whoever else writes to it (POSIX: PIPE_BUF, 4096 on Linux). */
const WRITTEN_AS_ONE = 4096;

/**
 * Makes the log: JSON lines, or lines for people, on standard output or to `destination`. Secrets are taken out of
 * every line. Lines are written in the background, so a slow reader delays no request; what waits is written when the
 * process exits, also by `process.exit`, but {@link flushLog} before it keeps the lines in order.
 */
export async function createLog(
  settings: Pick<Settings['log'], 'level' | 'format'>,
  destination?: DestinationStream,
): Promise<Logger> {
  return pino(
    {
      level: settings.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (line) => redact(line, MAX_DEPTH) },
    },
    destination ?? (await standardOutput(settings.format)),
  );
}

/**
 * Makes the log of one of several processes that write to one standard output. Each line has the number of the worker,
 * and no line is written into another, unless one is longer than a pipe takes as one.
 */
export async function createWorkerLog(
  settings: Pick<Settings['log'], 'level' | 'format'>,
  worker: number,
): Promise<Logger> {
  const log = await createLog(settings, await standardOutput(settings.format, { maxWrite: WRITTEN_AS_ONE }));
  return log.child({ worker });
}

/** Parts of core whose level can be set by itself. */
export const logParts = ['access', 'store', 'gc', 'events', 'http'] as const;
export type LogPart = (typeof logParts)[number];

/** The log of a part, or of a plugin: it has a level of its own, if the settings give one. */
export function partOf(log: Logger, part: string, { levels }: Pick<Settings['log'], 'levels'>): Logger {
  const level = levels[part];
  return level === undefined ? log : log.child({}, { level });
}

/** Waits until all lines have been written, in their order; not for long, when nobody reads them. */
export async function flushLog(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // A log that cannot be written is reported where it is written.
  log.flush(() => resolve());
  await waitAtMost(FLUSH_MILLISECONDS, promise);
}

async function standardOutput(
  format: Settings['log']['format'],
  limits: { readonly maxWrite?: number } = {},
): Promise<DestinationStream> {
  if (format === 'pretty' || (format === 'auto' && process.stdout.isTTY)) {
    const { default: pretty } = await import('pino-pretty');
    return pretty({ sync: true, destination: 1, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  }
  const stream = pino.destination({
    dest: 1,
    sync: false,
    // Every line is longer, so none waits for more. With 0, a flush would not wait for what is on its way.
    minLength: 1,
    maxLength: MAX_WAITING_BYTES,
    ...limits,
  });
  let dropped = 0;
  let failed = false;
  stream.on('drop', () => {
    dropped += 1;
  });
  stream.on('drain', () => {
    failed = false;
    if (dropped === 0) return;
    const line = {
      level: 'warn',
      time: new Date().toISOString(),
      dropped,
      msg: 'lines of the log were dropped: too slow a reader',
    };
    dropped = 0;
    stream.write(`${JSON.stringify(line)}\n`);
  });
  stream.on('error', (error: Error) => {
    // A log that cannot be written, to a full disk for instance, stops no registry; the next line tries again.
    if (!failed) process.stderr.write(`registry: cannot write the log: ${error.message}\n`);
    failed = true;
  });
  return stream;
}

const SECRET = /authorization|cookie|passw|secret|credential|token$|api-?key|private-?key/i;

/** What is known of names already: the same few come with every line. Bounded, since some are the names of headers. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 1000;

/** Pino writes five levels of an object, so nothing below this is ever seen. */
const MAX_DEPTH = 6;

/**
 * Takes out what goes by the name of a secret, at any depth and in errors too, where clients leave whole requests.
 * Copies only what has to change.
 */
function redact(line: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  let safe: Record<string, unknown> = line;
  for (const name of Object.keys(line)) {
    const value = line[name];
    const shown = isSecret(name) ? '[redacted]' : redactValue(value, depth);
    if (shown === value) continue;
    if (safe === line) safe = { ...line };
    safe[name] = shown;
  }
  return safe;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((member: unknown) => redactValue(member, depth - 1));
  if (value instanceof Error) return redact({ ...stdSerializers.err(value) }, depth - 1);
  // What says itself how it is written (dates, URLs, buffers) has no members to look at.
  if ('toJSON' in value || ArrayBuffer.isView(value)) return value;
  return redact({ ...value }, depth - 1);
}

function isSecret(name: string): boolean {
  let secret = known.get(name);
  if (secret === undefined) {
    secret = SECRET.test(name);
    if (known.size < MAX_KNOWN) known.set(name, secret);
  }
  return secret;
}
