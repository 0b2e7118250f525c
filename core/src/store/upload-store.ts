import { createHash, type Hash } from 'node:crypto';
import { isStorageError, RegistryError, type Logger, type StorageDriver } from '@entrepot/plugin-sdk';
import { LRUCache } from 'lru-cache';
import type { Algorithm } from '../digest.ts';
import { BlobIntake, expectLength, type IncomingBytes } from './blob-intake.ts';
import type { Blob, BlobStore } from './blob-store.ts';
import { BlobWriter } from './blob-writer.ts';
import {
  ClaimedSession,
  isClaimed,
  progressOf,
  UploadOutOfOrder,
  type FoundSession,
} from './claimed-session.ts';
import { Places } from './concurrency.ts';
import { keys } from './keys.ts';
import { Records } from './records.ts';
import { freshSession, sessionFormat, type Session, type UploadLimits } from './sessions.ts';
import { Tails } from './tails.ts';
import { dropOrphanedTails, endExpired } from './upload-expiry.ts';
import { UploadIds } from './upload-ids.ts';
import { UploadSeal } from './upload-seal.ts';
import { UploadTickets } from './upload-tickets.ts';

/** An upload as its client sees it. */
export interface UploadStatus {
  readonly id: string;
  /** Bytes received and kept. */
  readonly offset: number;
}

/** Sessions whose running hash is kept in memory between two requests. A bound by count alone would reserve the room. */
const HASHES = { maxSize: 4096, sizeCalculation: () => 1 };
const SESSION_CACHE_BYTES = 4 * 1024 * 1024;

/**
 * Uploads in progress. A session is a record in storage from its first byte on, so any replica goes on with it; before
 * that its id says all there is to know. Whoever receives bytes holds a claim on the session, so two clients cannot
 * mix theirs. What becomes of the finished bytes is up to {@link BlobIntake}.
 */
export class UploadStore {
  /** Whose uploads are whose, where that is asked. */
  readonly tickets: UploadTickets;
  readonly #driver: StorageDriver;
  readonly #blobs: BlobStore;
  readonly #intake: BlobIntake;
  readonly #ids: UploadIds;
  readonly #limits: UploadLimits;
  /** Each upload that receives bytes holds up to two parts in memory. */
  readonly receiving: Places;
  readonly #tails: Tails;
  readonly #log: Logger;
  readonly #sessions: Records<Session>;
  readonly #hashes = new LRUCache<string, { readonly hash: Hash; readonly offset: number }>(HASHES);

  constructor(
    driver: StorageDriver,
    blobs: BlobStore,
    { log, ...limits }: UploadLimits & { readonly log: Logger },
  ) {
    this.#driver = driver;
    this.#blobs = blobs;
    this.#intake = new BlobIntake(driver, blobs);
    const seal = new UploadSeal(driver, log);
    this.#ids = new UploadIds(seal);
    this.tickets = new UploadTickets(seal, this.#ids, limits.maxAge);
    this.#tails = new Tails(driver, log);
    this.#log = log;
    this.#limits = limits;
    this.receiving = new Places(limits.maxConcurrent, 'too many uploads at once; try again');
    this.#sessions = new Records(driver, sessionFormat, {
      log,
      cacheBytes: SESSION_CACHE_BYTES,
      transient: true,
    });
  }

  /** Bytes a chunk should have at least, so that it makes a part; 1 when any will do. */
  get minimumChunk(): number {
    return this.#driver.partSize(0);
  }

  /** Opens a session. */
  async begin(repository: string, algorithm: Algorithm = 'sha256'): Promise<UploadStatus> {
    const id = await this.#ids.issue(repository);
    if (algorithm !== 'sha256') {
      await this.#sessions.create(keys.upload(id), freshSession(repository, Date.now(), algorithm));
    }
    return { id, offset: 0 };
  }

  /** @throws RegistryError `BLOB_UPLOAD_UNKNOWN` */
  async status(repository: string, id: string): Promise<UploadStatus> {
    const { value } = await this.#require(repository, id);
    return { id, offset: value.offset };
  }

  /**
   * Adds bytes to a session. When they break off, what has come is kept and the error goes on.
   * @throws UploadOutOfOrder when they do not belong at the session's end, or another client is sending.
   * @throws RegistryError `BLOB_UPLOAD_UNKNOWN`; `SIZE_INVALID`, and nothing is kept, when they are not as many as said.
   */
  append(repository: string, id: string, bytes: IncomingBytes): Promise<UploadStatus> {
    return this.receiving.take(async () => {
      const { claimed, writer } = await this.#resume(id, await this.#require(repository, id), bytes.at);
      await this.#receive(claimed, writer, bytes);
      return { id, offset: await this.#save(claimed, writer) };
    });
  }

  /**
   * Adds the last bytes, if there are any, and turns the session into a blob of the repository. A wrong digest ends
   * the session and gives its space back.
   * @throws UploadOutOfOrder, RegistryError as {@link append}; `DIGEST_INVALID`
   */
  finish(repository: string, id: string, digest: string, bytes: IncomingBytes): Promise<Blob> {
    return this.receiving.take(() => this.#finish(repository, id, digest, bytes));
  }

  async #finish(repository: string, id: string, digest: string, bytes: IncomingBytes): Promise<Blob> {
    const found = await this.#require(repository, id);
    if (found.value.offset === 0 && !isClaimed(found.value)) {
      if ((bytes.at ?? 0) !== 0) throw new UploadOutOfOrder(id, 0);
      // A session that was finished before looks like one without bytes: finishing again is no error.
      const finished = bytes.length === 0 ? await this.#blobs.check(repository, digest) : undefined;
      const blob = finished ?? (await this.#intake.put(repository, digest, bytes));
      if (found.stored !== undefined) await this.#sessions.delete(keys.upload(id));
      return blob;
    }
    const { claimed, writer } = await this.#resume(id, found, bytes.at);
    await this.#receive(claimed, writer, bytes);
    const { offset, digest: known } = claimed.initial;
    const vouched = writer.digest() ?? (writer.offset === offset ? known : undefined);
    try {
      const blob = await this.#intake.complete(repository, writer, digest, vouched, () => claimed.endAlone());
      await this.#forget(claimed);
      return blob;
    } catch (error) {
      if (isStorageError(error) && error.code !== 'UPLOAD_UNKNOWN') await claimed.undo(writer);
      else await this.#forget(claimed);
      throw error;
    }
  }

  /** A whole blob in one go, with no session to come back to. @throws as {@link BlobIntake.put} */
  put(repository: string, digest: string, bytes: IncomingBytes): Promise<Blob> {
    return this.receiving.take(() => this.#intake.put(repository, digest, bytes));
  }

  /**
   * Ends a session and gives its space back. Its record stays until the id would have expired by itself; where there is
   * no room for one that says so, it goes, and the id begins anew.
   * @throws RegistryError `BLOB_UPLOAD_UNKNOWN`
   */
  async cancel(repository: string, id: string): Promise<void> {
    const { value } = await this.#require(repository, id);
    const ended = { ...freshSession(repository, value.started, value.algorithm), ended: true };
    let before: Session | undefined;
    try {
      await this.#sessions.update(keys.upload(id), (current) => {
        before = current;
        return ended;
      });
    } catch (error) {
      if (!isStorageError(error, 'NO_SPACE')) throw error;
      await this.#sessions.delete(keys.upload(id));
    }
    if (before !== undefined) await this.#giveBack(id, before);
  }

  /** Ends the sessions nobody has touched for too long. Replicas may do so at once. How many it ended. */
  async expire(): Promise<number> {
    let ended = 0;
    for await (const { id, session } of endExpired(this.#driver, this.#sessions, this.#limits.maxAge)) {
      await this.#giveBack(id, session);
      ended += 1;
    }
    await dropOrphanedTails(this.#driver, this.#sessions);
    return ended;
  }

  async #require(repository: string, id: string): Promise<FoundSession> {
    const issued = await this.#ids.issuedAt(repository, id);
    if (issued === undefined) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    const stored = await this.#sessions.read(keys.upload(id));
    if (stored?.value.ended === true) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    if (stored !== undefined) return { value: stored.value, stored };
    if (Date.now() - issued > this.#limits.maxAge) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    return { value: freshSession(repository, issued, 'sha256'), stored };
  }

  /** Claims the session as it was found, and picks up where it stands. */
  async #resume(
    id: string,
    found: FoundSession,
    at: number | undefined,
  ): Promise<{ claimed: ClaimedSession; writer: BlobWriter }> {
    const { offset, algorithm, partsEnd, parts, data, state } = found.value;
    if ((at ?? offset) !== offset) throw new UploadOutOfOrder(id, offset);
    const claimed = await ClaimedSession.claim(this.#sessions, id, found);
    const running = this.#hashes.get(id);
    this.#hashes.delete(id);
    const hash = offset === 0 ? createHash(algorithm) : running?.offset === offset ? running.hash : undefined;
    const writer = new BlobWriter(this.#driver, algorithm, { data, partsEnd, parts, state }, hash);
    if (offset > partsEnd) {
      const tail = await this.#tails.read(id, offset, offset - partsEnd);
      if (tail === undefined) {
        await this.#forget(claimed);
        throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
      }
      for (const piece of tail) writer.restore(piece);
    }
    return { claimed, writer };
  }

  async #receive(claimed: ClaimedSession, writer: BlobWriter, bytes: IncomingBytes): Promise<void> {
    const start = writer.offset;
    claimed.follow(writer);
    try {
      for await (const chunk of bytes.body) {
        claimed.assertHeld();
        await writer.write(chunk);
      }
    } catch (error) {
      if (isStorageError(error)) await this.#retreat(claimed, writer, error);
      else if (claimed.isHeld) await this.#save(claimed, writer);
      throw error;
    }
    try {
      expectLength(bytes, writer.offset - start);
    } catch (error) {
      await claimed.undo(writer);
      throw error;
    }
  }

  /**
   * Keeps what has come: first the tail, then the session that names it, then the old tail goes. Gives the offset.
   * @throws RegistryError `BLOB_UPLOAD_UNKNOWN` when the session has been ended meanwhile; its space is given back.
   */
  async #save(claimed: ClaimedSession, writer: BlobWriter): Promise<number> {
    const before = claimed.initial;
    const { offset } = writer;
    const digest = writer.digest() ?? (offset === before.offset ? before.digest : undefined);
    try {
      const tail = await writer.pause();
      if (offset !== before.offset) await this.#tails.write(claimed.id, offset, tail);
    } catch (error) {
      await this.#retreat(claimed, writer, error);
      throw error;
    }
    try {
      const { parts, partsEnd, state } = writer.position;
      await claimed.release({ parts, partsEnd, state, offset, digest });
    } catch (error) {
      await writer.abort();
      await this.#tails.remove(claimed.id, offset, offset - writer.position.partsEnd);
      if (isStorageError(error, 'NO_SPACE')) await this.#forget(claimed);
      throw error;
    }
    if (offset !== before.offset)
      await this.#tails.remove(claimed.id, before.offset, before.offset - before.partsEnd);
    if (writer.hash !== undefined) this.#hashes.set(claimed.id, { hash: writer.hash, offset });
    return offset;
  }

  /**
   * After trouble with storage: what has safely arrived stays. Where there is no space, that of a first request is
   * given back instead, all of it: without bytes and record, the session's id is as good as new.
   */
  async #retreat(claimed: ClaimedSession, writer: BlobWriter, error: unknown): Promise<void> {
    if (isStorageError(error, 'NO_SPACE') && claimed.initial.offset === 0) {
      await writer.abort();
      await this.#forget(claimed);
    } else await claimed.release(progressOf(writer.position, claimed.initial));
  }

  /**
   * Removes a session whose bytes have become a blob, or never will. One that somebody else has cancelled or taken over
   * meanwhile is his.
   */
  async #forget(claimed: ClaimedSession): Promise<void> {
    const { offset, partsEnd } = claimed.initial;
    if (!(await claimed.end())) return;
    await this.#tails.remove(claimed.id, offset, offset - partsEnd);
  }

  /** Gives the space of an ended session back; bytes that became a blob are safe. Who holds a claim notices soon. */
  async #giveBack(id: string, session: Session): Promise<void> {
    const { data, parts, partsEnd, offset, state, repository } = session;
    if (state !== undefined) await this.#driver.abortUpload({ key: data, parts, offset: partsEnd, state });
    await this.#tails.remove(id, offset, offset - partsEnd);
    this.#hashes.delete(id);
    this.#log.debug({ upload: id, repository, bytes: offset }, 'upload ended unfinished');
  }
}
