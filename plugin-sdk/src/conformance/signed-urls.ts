import type { StorageDriver } from '../storage.ts';
import { equal, holds, sameBytes, succeeds } from './assertions.ts';
import { MiB, noise } from './content.ts';
import type { StorageTest } from './runner.ts';
import { says } from './storage-contract.ts';
import { uploadWhole } from './uploading.ts';

const large = noise(MiB + 12_345, 1);
const small = noise(4321, 2);
/** Milliseconds after which a URL for a second has expired, whatever clocks say. */
const EXPIRED = 5_000;
/** How often a busy backend is asked. */
const ATTEMPTS = 10;

/** `signUrl`, of drivers that have it and whose credentials sign: the others have nothing to keep. */
export function signedUrls(test: StorageTest): void {
  test('a signed URL gives the object it is for, whole and by range, and only that', async ({ driver }) => {
    await uploadWhole(driver, 'folder/large', large);
    await driver.write('folder/small', small);
    for (const [key, bytes] of [
      ['folder/large', large],
      ['folder/small', small],
    ] as const) {
      const url = await signed(driver, key, 600);
      if (url === undefined) return;
      const whole = await ask(url);
      equal(whole.status, 200, says.signUrl);
      sameBytes(await bytesOf(whole), bytes, says.signUrl);
      const part = await ask(url, { headers: { range: 'bytes=1000-2999' } });
      equal(part.status, 206, says.signUrl);
      sameBytes(await bytesOf(part), bytes.slice(1000, 3000), says.signUrl);
    }
  });

  test('a signed URL that somebody has changed opens nothing', async ({ driver }) => {
    await driver.write('one', small);
    await driver.write('two', noise(4321, 3));
    const url = await signed(driver, 'one', 600);
    if (url === undefined) return;
    const other = await signed(driver, 'two', 600);
    const changed = variantsOf(url);
    if (other !== undefined) changed.push(withPathOf(url, other));
    for (const variant of changed) {
      const answer = await ask(variant, { redirect: 'manual' });
      await answer.body?.cancel();
      holds(
        !answer.ok,
        says.opensNothingElse,
        `${variant} answers ${answer.status}, although it is not ${url}`,
      );
    }
  });

  test('a signed URL does not write or delete', async ({ driver }) => {
    await driver.write('one', small);
    const url = await signed(driver, 'one', 600);
    if (url === undefined) return;
    for (const method of ['PUT', 'DELETE']) {
      const answer = await ask(url, { method });
      await answer.body?.cancel();
      holds(!answer.ok, says.opensNothingElse, `${method} of it answers ${answer.status}`);
    }
    sameBytes((await driver.read('one'))?.bytes, small, says.opensNothingElse);
  });

  test('a signed URL opens nothing once its time is over', async ({ driver }) => {
    await driver.write('one', small);
    const url = await signed(driver, 'one', 1);
    if (url === undefined) return;
    const began = performance.now();
    for (let opens = true; opens;) {
      const isOver = performance.now() - began > EXPIRED;
      const answer = await ask(url);
      await answer.body?.cancel();
      opens = answer.ok;
      holds(!opens || !isOver, says.expires, `it answers ${answer.status} long after that`);
      if (opens) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('a URL may be signed for an object that is not there, and gives nothing then', async ({ driver }) => {
    const url = await signed(driver, 'absent', 600);
    if (url === undefined) return;
    const answer = await ask(url);
    await answer.body?.cancel();
    holds(!answer.ok, says.signUrl, `it answers ${answer.status}`);
  });
}

async function signed(driver: StorageDriver, key: string, expires: number): Promise<string | undefined> {
  if (driver.signUrl === undefined) return undefined;
  return succeeds(driver.signUrl(key, { expires }), says.signUrl);
}

/** The same URL with another value of one parameter, for each of them. */
function variantsOf(url: string): string[] {
  return [...new URL(url).searchParams].map(([name, value]) => {
    const variant = new URL(url);
    variant.searchParams.set(
      name,
      value.replace(/^./, (first) => (first === '2' ? '3' : '2')),
    );
    return variant.href;
  });
}

function withPathOf(url: string, other: string): string {
  const variant = new URL(url);
  variant.pathname = new URL(other).pathname;
  return variant.href;
}

/** Asks as a client does, which comes again when the backend is busy. */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(url, init);
    if (response.status !== 503 || attempt === ATTEMPTS) return response;
    await response.body?.cancel();
  }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}
