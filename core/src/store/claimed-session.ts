import { randomUUID } from 'node:crypto';
import { RegistryError } from '@entrepot/plugin-sdk';
import type { BlobWriter, WriterPosition } from './blob-writer.ts';
import { newId } from './ids.ts';
import { keys } from './keys.ts';
import type { Records, Stored } from './records.ts';
import type { Session } from './sessions.ts';

/** How often a claim is renewed, how long others respect it, and how long its owner relies on it; milliseconds. */
const RENEW_AFTER = 10_000;
const RESPECTED_FOR = 60_000;
const RELIED_ON_FOR = 30_000;

/** Bytes came that do not belong where the session stands, or while another client sends: 416, and where to go on. */
export class UploadOutOfOrder extends Error {
  override readonly name = 'UploadOutOfOrder';
  readonly id: string;
  readonly offset: number;

  constructor(id: string, offset: number) {
    super(`the next byte of the upload is ${offset}`);
    this.id = id;
    this.offset = offset;
  }
}

/** A session as it is found: it is in storage once it has had a byte. */
export interface FoundSession {
  readonly value: Session;
  readonly stored: Stored<Session> | undefined;
}

/** Whether somebody is receiving bytes for the session right now. */
export function isClaimed({ claim }: Session): boolean {
  return claim !== undefined && Date.now() - claim.at < RESPECTED_FOR;
}

/**
 * The right to add bytes to a session, held by one request in one process at a time. It is renewed while bytes come
 * slowly, and what has safely arrived is noted with it, so that a killed process loses little. An owner stops writing
 * long before others stop respecting its claim; only a process that sleeps for the time between the two, between its
 * check and its write, could disturb the next owner, and that one's digest is then read back before it counts.
 */
export class ClaimedSession {
  readonly id: string;
  /** The session as it was when it was claimed. */
  readonly initial: Session;
  readonly #sessions: Records<Session>;
  #session: Stored<Session>;
  #writer: BlobWriter | undefined;
  #lost = false;
  #renewing: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  private constructor(sessions: Records<Session>, id: string, initial: Session, session: Stored<Session>) {
    this.#sessions = sessions;
    this.id = id;
    this.initial = initial;
    this.#session = session;
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(() => this.#renew());
    }, RENEW_AFTER).unref();
  }

  /** @throws UploadOutOfOrder when another has it. */
  static async claim(
    sessions: Records<Session>,
    id: string,
    { value, stored }: FoundSession,
  ): Promise<ClaimedSession> {
    if (isClaimed(value)) throw new UploadOutOfOrder(id, value.offset);
    const claimed = { ...value, claim: { owner: randomUUID(), at: Date.now() } };
    const session =
      stored === undefined
        ? await sessions.create(keys.upload(id), claimed)
        : await sessions.replace(keys.upload(id), claimed, stored);
    if (session === undefined) throw new UploadOutOfOrder(id, value.offset);
    return new ClaimedSession(sessions, id, value, session);
  }

  /** From now on renewals note what `writer` has handed over. */
  follow(writer: BlobWriter): void {
    this.#writer = writer;
  }

  get isHeld(): boolean {
    return !this.#lost && Date.now() - (this.#session.value.claim?.at ?? 0) < RELIED_ON_FOR;
  }

  /** @throws RegistryError `BLOB_UPLOAD_UNKNOWN` when the session was ended, or the claim could not be renewed. */
  assertHeld(): void {
    if (!this.isHeld)
      throw new RegistryError('BLOB_UPLOAD_UNKNOWN', 'the upload was ended while bytes were coming');
  }

  /**
   * Gives the claim back, with the session as it was but for `change`.
   * @throws RegistryError `BLOB_UPLOAD_UNKNOWN` when the session has been ended meanwhile.
   */
  async release(change: Partial<Session>): Promise<void> {
    await this.#stop();
    const value = { ...this.initial, ...change, touched: Date.now(), claim: undefined };
    const released = await this.#sessions.replace(keys.upload(this.id), value, this.#session);
    if (released === undefined) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
  }

  /**
   * Gives the claim back with the session as it was: bytes that `writer` has handed over in vain are written again from
   * the old offset, but not while they are on their way. An upload it has begun for them is given back.
   * @throws RegistryError `BLOB_UPLOAD_UNKNOWN` when the session has been ended meanwhile.
   */
  async undo(writer: BlobWriter): Promise<void> {
    await writer.settle();
    const isBegun = this.initial.state !== undefined;
    // The key of an upload that is given back is not used again: its backend may still be forgetting it.
    await this.release(isBegun ? {} : { data: keys.data(newId()) });
    if (!isBegun) await writer.abort();
  }

  /** Removes the session, unless somebody else has changed it meanwhile. Whether it is gone. */
  async end(): Promise<boolean> {
    await this.#stop();
    return this.#sessions.delete(keys.upload(this.id), this.#session);
  }

  /**
   * Ends the session and says whether nobody else can have it in hand: whoever lost it by letting his claim run out may
   * wake up and go on, and so may whoever took it over.
   */
  async endAlone(): Promise<boolean> {
    return (await this.end()) && this.initial.claim === undefined;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    const { value } = this.#session;
    const now = Date.now();
    const progress = this.#writer === undefined ? {} : progressOf(this.#writer.position, value);
    const claim = { owner: value.claim?.owner ?? '', at: now };
    try {
      const renewed = await this.#sessions.replace(
        keys.upload(this.id),
        { ...value, ...progress, touched: now, claim },
        this.#session,
      );
      if (renewed === undefined) this.#lost = true;
      else this.#session = renewed;
    } catch {
      // Storage is in trouble: the claim runs out by itself, and the write that follows reports the trouble.
      return;
    }
  }
}

/**
 * What a session may say of a position in the middle of a stream: whole parts, and a digest nobody vouches for. Without
 * a whole part, the upload that was begun for it, so that its space can be given back.
 */
export function progressOf({ parts, partsEnd, state }: WriterPosition, session: Session): Partial<Session> {
  if (partsEnd <= session.offset) return { state };
  return { parts, partsEnd, state, offset: partsEnd, digest: undefined };
}
