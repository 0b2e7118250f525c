import { text } from 'node:stream/consumers';
import { isStorageError } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { Locks } from '../src/locks.ts';
import { Root } from '../src/root.ts';
import { silent } from './temporary-root.ts';

// A process of its own that uses a root: `contender.ts <root> <job> <key> <name> <rounds>`. It says `ready`, waits until its
// input is closed, so that several begin together, and tells what it has done, one line each.

const [, , root = '', job = '', key = '', name = '', rounds = '1'] = process.argv;

const driver = new FilesystemDriver({ root, fsync: false, log: silent });
await driver.start();
say('ready');
await text(process.stdin);

switch (job) {
  case 'create':
    for (let round = 0; round < Number(rounds); round += 1) await create(`${key}-${round}`);
    break;
  case 'count':
    for (let round = 0; round < Number(rounds); round += 1) await count();
    break;
  case 'rewrite':
    for (let round = 1; ; round += 1) await rewrite(round);
  case 'hold':
    await new Locks(new Root(root).locks).hold(key, async () => {
      say('held');
      setInterval(() => undefined, 1000);
      await new Promise(() => undefined);
    });
}
await driver.stop();

/** Tells `won` or `lost`. */
async function create(each: string): Promise<void> {
  try {
    await driver.write(each, Buffer.from(name), { ifAbsent: true });
    say(`won ${each}`);
  } catch (error) {
    if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
  }
}

/** Adds one to the number under the key, however often another is quicker. */
async function count(): Promise<void> {
  for (;;) {
    const object = await driver.read(key);
    const next = Number(Buffer.from(object?.bytes ?? []).toString()) + 1;
    try {
      await driver.write(
        key,
        Buffer.from(String(next)),
        object === undefined ? { ifAbsent: true } : { ifMatch: object.etag },
      );
      return;
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
    }
  }
}

/** Writes 64 KiB that all tell the round, and tells when it has been answered. */
async function rewrite(round: number): Promise<void> {
  const line = `${String(round).padStart(15)}\n`;
  await driver.write(key, Buffer.from(line.repeat(4096)));
  await driver.write(
    `${key}-${round % 7}/created`,
    Buffer.from(line),
    round % 2 === 0 ? {} : { transient: true },
  );
  say(`answered ${round}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
