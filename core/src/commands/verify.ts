import { once } from 'node:events';
import { loadConfig } from '../config/load-config.ts';
import { messageOf } from '../error-message.ts';
import { createLog } from '../log.ts';
import {
  findingKinds,
  openVerification,
  type Finding,
  type OpenVerification,
} from '../registry/verification.ts';
import { VerificationScreen } from './verification-screen.ts';

export interface VerifyFlags {
  readonly config?: string;
  readonly deep?: boolean;
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** What came of a verification. */
export interface Summary {
  /** Nothing was found but notices. */
  readonly sound: boolean;
  /** Objects that were looked at. */
  readonly objects: number;
  /** Bytes that were hashed. */
  readonly bytes: number;
  readonly seconds: number;
  /** How often each kind of finding was found, and how often repaired. */
  readonly found: ReadonlyMap<string, number>;
  readonly repaired: ReadonlyMap<string, number>;
}

/** Tells what is found. Each gives whether there is room for more at once. */
export interface Teller {
  found(finding: Finding): boolean;
  end(summary: Summary): boolean;
  /** Nothing more is told. */
  stop(): void;
}

const SOUND = 0;
const FOUND = 1;
const COULD_NOT_RUN = 2;

/**
 * `registry verify`: goes through all that is stored, while registries may serve it, and tells what is not as it should
 * be. Findings go to standard output as they come: for people on a terminal, as lines of JSON elsewhere. The exit code
 * is 0 when there was nothing but notices, 1 when there were findings, repaired or not, and 2 when it cannot be said.
 */
export async function verify({
  config: file,
  deep = false,
  repair = false,
  json = false,
}: VerifyFlags): Promise<void> {
  // Whoever reads the findings has gone.
  process.stdout.once('error', () => process.exit(COULD_NOT_RUN));
  try {
    const { config } = await loadConfig(file === undefined ? {} : { file });
    const log = await createLog(config.log, process.stderr);
    const verification = await openVerification(config, { log, deep, repair });
    try {
      const isForPeople = process.stdout.isTTY && !json;
      const teller = isForPeople
        ? new VerificationScreen(process.stdout, () => verification.progress)
        : jsonLines;
      process.exitCode = (await tell(verification, teller)) ? SOUND : FOUND;
    } finally {
      await verification.close();
    }
  } catch (error) {
    process.stderr.write(`registry: could not verify: ${messageOf(error)}\n`);
    process.exitCode = COULD_NOT_RUN;
  }
}

/** Whether the storage is sound. */
async function tell(verification: OpenVerification, teller: Teller): Promise<boolean> {
  const began = performance.now();
  const found = new Map<string, number>();
  const repaired = new Map<string, number>();
  try {
    for await (const finding of verification.findings()) {
      const { kind, repair } = finding;
      found.set(kind, (found.get(kind) ?? 0) + 1);
      if (repair !== undefined) repaired.set(kind, (repaired.get(kind) ?? 0) + 1);
      // A slow reader slows the verification down, not memory up.
      if (!teller.found(finding)) await once(process.stdout, 'drain');
    }
    const { objects, bytes } = verification.progress;
    const seconds = Math.round(performance.now() - began) / 1000;
    const sound = Object.entries(findingKinds).every(
      ([kind, severity]) => severity === 'notice' || !found.has(kind),
    );
    teller.end({ sound, objects, bytes, seconds, found, repaired });
    return sound;
  } finally {
    teller.stop();
  }
}

const jsonLines: Teller = {
  found: ({ kind, key, ...rest }) => print({ kind, severity: findingKinds[kind], key, ...rest }),
  end: ({ found, repaired, ...summary }) =>
    print({
      summary: { ...summary, found: Object.fromEntries(found), repaired: Object.fromEntries(repaired) },
    }),
  stop: () => undefined,
};

function print(line: object): boolean {
  return process.stdout.write(`${JSON.stringify(line)}\n`);
}
