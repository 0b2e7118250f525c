import { randomBytes, randomUUID } from 'node:crypto';
import { isStorageError, type Diagnosis, type StorageDriver } from '@entrepot/plugin-sdk';
import { messageOf } from '../error-message.ts';

/** Slower than this, clients notice; milliseconds for a call. */
const SLOW = 250;

/**
 * Does to the storage what a registry does, with objects of its own that it takes away again: writes under conditions,
 * reads, lists, and uploads.
 */
export async function tryStorage(driver: StorageDriver): Promise<readonly Diagnosis[]> {
  const subject = 'the storage';
  const prefix = `doctor/${randomUUID()}/`;
  const began = performance.now();
  let calls = 0;
  const counted = <Result>(call: Promise<Result>): Promise<Result> => {
    calls += 1;
    return call;
  };
  try {
    await smallObjects(driver, `${prefix}small`, counted);
    await largeObject(driver, `${prefix}large`, counted);
  } catch (error) {
    return [
      {
        subject,
        state: 'bad',
        finding: `does not do what a registry needs: ${messageOf(error)}`,
        advice: 'see the README of its plugin for the permissions it needs; what was begun is under doctor/',
      },
    ];
  }
  const each = Math.round(((performance.now() - began) / calls) * 10) / 10;
  if (each < SLOW)
    return [{ subject, state: 'good', finding: `writes, reads, lists and deletes, in ${each} ms a call` }];
  return [
    {
      subject,
      state: 'doubtful',
      finding: `takes ${each} ms a call`,
      advice: 'run the registry closer to its storage; docs/performance.md says what a push costs in calls',
    },
  ];
}

type Counted = <Result>(call: Promise<Result>) => Promise<Result>;

async function smallObjects(driver: StorageDriver, key: string, counted: Counted): Promise<void> {
  try {
    const first = await counted(driver.write(key, randomBytes(64), { ifAbsent: true }));
    await refused(
      counted(driver.write(key, randomBytes(64), { ifAbsent: true })),
      'creates what is there already',
    );
    const second = await counted(driver.write(key, randomBytes(64), { ifMatch: first.etag }));
    await refused(counted(driver.write(key, randomBytes(64), { ifMatch: first.etag })), 'loses an update');
    const found = await counted(driver.read(key));
    if (found?.etag !== second.etag) throw new Error('it does not read what was written last');
    const { keys } = await counted(driver.list(key, { limit: 10 }));
    if (!keys.includes(key)) throw new Error('it does not list what is there');
  } finally {
    await counted(driver.delete(key));
  }
  if ((await counted(driver.read(key))) !== undefined) throw new Error('it reads what was deleted');
}

async function largeObject(driver: StorageDriver, key: string, counted: Counted): Promise<void> {
  const bytes = randomBytes(1024);
  const state = await counted(driver.createUpload(key));
  const upload = { key, offset: 0, parts: 0, state };
  try {
    await counted(driver.completeUpload(upload, [bytes]));
    const object = await counted(driver.open(key));
    if (object?.size !== bytes.length) throw new Error('an upload has another length than its bytes');
    try {
      const chunks: Uint8Array[] = [];
      for (let chunk = await object.read(); chunk !== undefined; chunk = await object.read())
        chunks.push(Buffer.from(chunk));
      if (!Buffer.concat(chunks).equals(bytes)) throw new Error('an upload has other bytes');
    } finally {
      await object.close();
    }
  } catch (error) {
    await driver.abortUpload(upload);
    throw error;
  } finally {
    await counted(driver.delete(key));
  }
}

async function refused(call: Promise<unknown>, wrong: string): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (isStorageError(error, 'PRECONDITION_FAILED')) return;
    throw error;
  }
  throw new Error(`it ${wrong}`);
}
