import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { StorageErrorCode, WriteOptions } from '@entrepot/plugin-sdk';

/** How long a transaction waits for those of other processes, in milliseconds. */
const PATIENCE = 10_000;
/** How long an upload may be left alone, in milliseconds; the registry has forgotten it by then. */
const STALE = 8 * 24 * 60 * 60 * 1000;

/**
 * `objects` says which version of a key is the present one; `pieces` holds the bytes of each version, as they came. The
 * versions in `uploads` belong to no object yet. In WAL mode with `FULL`, a transaction that has been committed
 * survives a loss of power, and readers wait for nobody.
 */
const layout = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, version TEXT NOT NULL, size INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pieces (
    version TEXT NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (version, start)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS uploads (version TEXT PRIMARY KEY, touched INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Something the storage contract has a code for. */
export class Refusal extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type Database = ReturnType<typeof openDatabase>;

/** Opens the database, and creates what is missing. What it returns does its work at once, and blocks until it is done. */
export function openDatabase(file: string) {
  const database = new DatabaseSync(file, { timeout: PATIENCE });
  database.exec(layout);
  const prepare = (sql: string) => database.prepare(sql);
  const presentVersion = prepare('SELECT version, size FROM objects WHERE key = ?');
  const presentPieces = prepare(
    'SELECT version, bytes FROM objects JOIN pieces USING (version) WHERE key = ? ORDER BY start',
  );
  const keysAfter = prepare(
    'SELECT key FROM objects WHERE key >= ? AND key > ? AND key < ? ORDER BY key LIMIT ?',
  );
  const pieceAt = prepare(
    'SELECT start, bytes FROM pieces WHERE version = ? AND start <= ? ORDER BY start DESC LIMIT 1',
  );
  const setObject = prepare('INSERT OR REPLACE INTO objects (key, version, size) VALUES (?, ?, ?)');
  const dropObject = prepare('DELETE FROM objects WHERE key = ?');
  const addPiece = prepare('INSERT INTO pieces (version, start, bytes) VALUES (?, ?, ?)');
  const dropPieces = prepare('DELETE FROM pieces WHERE version = ? AND start >= ?');
  const lengthOfPieces = prepare('SELECT TOTAL(LENGTH(bytes)) AS length FROM pieces WHERE version = ?');
  const addUpload = prepare('INSERT INTO uploads (version, touched) VALUES (?, ?)');
  const touchUpload = prepare('UPDATE uploads SET touched = ? WHERE version = ?');
  const staleUploads = prepare('SELECT version FROM uploads WHERE touched < ?');
  const dropUpload = prepare('DELETE FROM uploads WHERE version = ?');

  /** The present version of an object. */
  function find(key: string): { readonly version: string; readonly size: number } | undefined {
    const row = presentVersion.get(key);
    return row && { version: String(row['version']), size: Number(row['size']) };
  }

  /** Removes an object and its bytes. */
  function drop(key: string): void {
    const present = find(key);
    if (present === undefined) return;
    dropObject.run(key);
    dropPieces.run(present.version, 0);
  }

  /** Takes an upload back to `offset`: pieces that came later were sent in vain. */
  function rewind(version: string, offset: number): void {
    const isKnown = touchUpload.run(Date.now(), version).changes > 0;
    dropPieces.run(version, offset);
    if (!isKnown || lengthOfPieces.get(version)?.['length'] !== offset) {
      throw new Refusal('UPLOAD_UNKNOWN', 'there is no such upload, or it has not come this far');
    }
  }

  /** Does all of `work` or nothing of it; no other process writes meanwhile. */
  function atomically<Result>(work: () => Result): Result {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  /** The present version with its bytes; without them when it is the version that is `known`. */
  function read(
    key: string,
    known: string | undefined,
  ): { readonly etag: string; readonly bytes?: Uint8Array } | undefined {
    if (known !== undefined && find(key)?.version === known) return { etag: known };
    // One statement sees one state of the database, so these pieces are of one version.
    const rows = presentPieces.all(key);
    const [first] = rows;
    return (
      first && { etag: String(first['version']), bytes: joined(rows.map(({ bytes }) => bytesOf(bytes))) }
    );
  }

  /** Gives the etag. */
  function write(key: string, bytes: Uint8Array, { ifAbsent = false, ifMatch }: WriteOptions): string {
    return atomically(() => {
      const present = find(key);
      if (ifAbsent && present !== undefined) {
        throw new Refusal('PRECONDITION_FAILED', 'there is an object already');
      }
      if (ifMatch !== undefined && present?.version !== ifMatch) {
        throw new Refusal('PRECONDITION_FAILED', 'the object has another etag, or is absent');
      }
      const version = randomUUID();
      drop(key);
      addPiece.run(version, 0, bytes);
      setObject.run(key, version, bytes.length);
      return version;
    });
  }

  function remove(key: string, ifMatch: string | undefined): void {
    atomically(() => {
      const present = find(key);
      if (ifMatch !== undefined && present !== undefined && present.version !== ifMatch) {
        throw new Refusal('PRECONDITION_FAILED', 'the object has another etag');
      }
      drop(key);
    });
  }

  /** Keys are ASCII without DEL, which comes last in it; SQLite compares texts byte by byte. */
  function list(prefix: string, startAfter: string, limit: number): string[] {
    return keysAfter.all(prefix, startAfter, `${prefix}\x7f`, limit).map(({ key }) => String(key));
  }

  /** The piece that has the byte at this offset. */
  function piece(
    version: string,
    offset: number,
  ): { readonly start: number; readonly bytes: Uint8Array } | undefined {
    const row = pieceAt.get(version, offset);
    return row && { start: Number(row['start']), bytes: bytesOf(row['bytes']) };
  }

  function begin(): string {
    const version = randomUUID();
    addUpload.run(version, Date.now());
    return version;
  }

  function add(version: string, offset: number, bytes: Uint8Array): void {
    atomically(() => {
      rewind(version, offset);
      addPiece.run(version, offset, bytes);
    });
  }

  function complete(version: string, key: string, offset: number, bytes: Uint8Array): void {
    atomically(() => {
      rewind(version, offset);
      if (bytes.length > 0) addPiece.run(version, offset, bytes);
      drop(key);
      setObject.run(key, version, offset + bytes.length);
      dropUpload.run(version);
    });
  }

  function abort(version: string): void {
    atomically(() => {
      if (dropUpload.run(version).changes > 0) dropPieces.run(version, 0);
    });
  }

  function close(): void {
    database.close();
  }

  // Of processes that died before they had told anybody of their uploads.
  for (const { version } of staleUploads.all(Date.now() - STALE)) abort(String(version));

  return { find, read, write, remove, list, piece, begin, add, complete, abort, close };
}

/** One array with the bytes of all chunks. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('a piece holds no bytes');
}
