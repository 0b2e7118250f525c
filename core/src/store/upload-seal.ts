import { createHmac, randomBytes } from 'node:crypto';
import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { keys } from './keys.ts';
import { jsonFormat, Records, type RecordFormat } from './records.ts';

export interface Seal {
  /** base64url. */
  readonly secret: string;
}

export const sealFormat: RecordFormat<Seal> = jsonFormat(({ secret }) =>
  typeof secret === 'string' ? { secret } : undefined,
);

/** The secret that makes what a client is told of its uploads known again to every replica. */
export class UploadSeal {
  readonly #records: Records<Seal>;
  #secret: Promise<Buffer> | undefined;

  constructor(driver: StorageDriver, log: Logger) {
    this.#records = new Records(driver, sealFormat, { log, cacheBytes: 1024 });
  }

  /** An HMAC-SHA-256 with the secret. @throws what storage throws when the secret cannot be read or made. */
  async hmac(): Promise<ReturnType<typeof createHmac>> {
    this.#secret ??= this.#load().catch((error: unknown) => {
      this.#secret = undefined;
      throw error;
    });
    return createHmac('sha256', await this.#secret);
  }

  /** The secret in storage. Who comes first makes it; nobody has to configure one. */
  async #load(): Promise<Buffer> {
    const found =
      (await this.#records.read(keys.uploadSeal)) ??
      (await this.#records.create(keys.uploadSeal, { secret: randomBytes(32).toString('base64url') })) ??
      (await this.#records.read(keys.uploadSeal));
    if (found === undefined) throw new Error('the secret of upload ids vanished while it was made');
    return Buffer.from(found.value.secret, 'base64url');
  }
}
