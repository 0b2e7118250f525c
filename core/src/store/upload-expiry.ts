import type { StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from './keys.ts';
import { listAll } from './listing.ts';
import type { Records } from './records.ts';
import type { Session } from './sessions.ts';

/**
 * Removes the records of sessions nobody has touched for `maxAge` milliseconds and gives each: its bytes are to go next.
 * A session that is touched meanwhile stays.
 */
export async function* endExpired(
  driver: StorageDriver,
  sessions: Records<Session>,
  maxAge: number,
): AsyncGenerator<{ readonly id: string; readonly session: Session }> {
  for await (const page of listAll(driver, keys.uploads)) {
    for (const key of page) {
      const found = await sessions.read(key);
      if (found === undefined || Date.now() - found.value.touched <= maxAge) continue;
      if (await sessions.delete(key, found)) yield { id: keys.uploadOf(key), session: found.value };
    }
  }
}

/** Removes tails whose session is gone: what a crash between the two writes of a save leaves. */
export async function dropOrphanedTails(driver: StorageDriver, sessions: Records<Session>): Promise<void> {
  for await (const page of listAll(driver, keys.tails)) {
    for (const key of page) {
      const session = await sessions.read(keys.upload(keys.uploadOfTail(key)));
      if (session === undefined) await driver.delete(key);
    }
  }
}
