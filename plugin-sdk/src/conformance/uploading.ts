import type { StorageDriver, Upload, UploadState } from '../storage.ts';
import { equal, holds } from './assertions.ts';
import { KiB } from './content.ts';
import { says } from './storage-contract.ts';

/** The smallest part the kit sends, where the driver leaves it the choice: more than one read or write of a file. */
const SMALLEST = 128 * KiB;

/** Length of a part at `offset`: a multiple of what the driver asks for, and no shorter than the kit wants. */
export function partLength(driver: StorageDriver, offset: number): number {
  const unit = driver.partSize(offset);
  holds(Number.isSafeInteger(unit) && unit > 0, says.partSize, `got ${unit} at offset ${offset}`);
  return unit * Math.max(1, Math.ceil(SMALLEST / unit));
}

export async function begin(driver: StorageDriver, key: string): Promise<Upload> {
  return { key, offset: 0, parts: 0, state: stored(await driver.createUpload(key)) };
}

/** Adds a part and returns the upload as core would keep it. */
export async function add(driver: StorageDriver, upload: Upload, part: Uint8Array): Promise<Upload> {
  const state = stored(await driver.uploadPart(upload, chunksOf(part)));
  return { key: upload.key, offset: upload.offset + part.length, parts: upload.parts + 1, state };
}

/** Makes a large object of `bytes`: parts as long as the driver wants them, then the rest. */
export async function uploadWhole(driver: StorageDriver, key: string, bytes: Uint8Array): Promise<void> {
  let upload = await begin(driver, key);
  for (;;) {
    const end = upload.offset + partLength(driver, upload.offset);
    if (end > bytes.length) break;
    upload = await add(driver, upload, bytes.subarray(upload.offset, end));
  }
  await driver.completeUpload(upload, chunksOf(bytes.subarray(upload.offset)));
}

/** Cuts a part the way a socket would: chunks of unequal length, views of larger memory; none for no bytes. */
export function chunksOf(part: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let offset = 0, length = 1; offset < part.length; offset += length) {
    length = Math.min(length * 3 + 1, 64 * KiB);
    chunks.push(part.subarray(offset, offset + length));
  }
  return chunks;
}

/** Core keeps the state as JSON, maybe for another process: what does not come back as it was is no state. */
function stored(state: UploadState): UploadState {
  equal(throughJson(state), state, says.state);
  return structuredClone(state);
}

function throughJson(state: UploadState): unknown {
  try {
    return JSON.parse(JSON.stringify(state));
  } catch (error) {
    return error;
  }
}
