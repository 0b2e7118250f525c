import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Logger, StorageDriver } from '@entrepot/plugin-sdk';
import { ID } from './ids.ts';
import { keys } from './keys.ts';
import { jsonFormat, Records, type RecordFormat } from './records.ts';

export interface Seal {
  /** base64url. */
  readonly secret: string;
}

export const sealFormat: RecordFormat<Seal> = jsonFormat(({ secret }) =>
  typeof secret === 'string' ? { secret } : undefined,
);

/** Of the 16 bytes of a UUID: 6 are time, 5 random but for version and variant, 5 the code. */
const CODE_AT = 11;

/**
 * The ids of upload sessions: UUIDs (RFC 9562, version 7) that carry a code over time, chance and repository. Any
 * replica knows an id that any of them has issued without having been told of it, so nothing needs to be written before
 * a session has its first byte. The secret is made once and kept in storage; nobody has to configure one. It proves
 * nothing about a client: whoever may push may push with any id, a wrong one is merely answered as unknown.
 */
export class UploadIds {
  readonly #records: Records<Seal>;
  #secret: Promise<Buffer> | undefined;

  constructor(driver: StorageDriver, log: Logger) {
    this.#records = new Records(driver, sealFormat, { log, cacheBytes: 1024 });
  }

  async issue(repository: string): Promise<string> {
    const bytes = randomBytes(16);
    bytes.writeUIntBE(Date.now(), 0, 6);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    (await this.#code(bytes, repository)).copy(bytes, CODE_AT);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** When the id was issued for this repository, in milliseconds since 1970; `undefined` when it never was. */
  async issuedAt(repository: string, id: string): Promise<number | undefined> {
    if (!ID.test(id)) return undefined;
    const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
    const code = await this.#code(bytes, repository);
    return timingSafeEqual(code, bytes.subarray(CODE_AT)) ? bytes.readUIntBE(0, 6) : undefined;
  }

  async #code(bytes: Buffer, repository: string): Promise<Buffer> {
    const hmac = createHmac('sha256', await this.#sealed());
    return hmac
      .update(bytes.subarray(0, CODE_AT))
      .update(repository)
      .digest()
      .subarray(0, 16 - CODE_AT);
  }

  #sealed(): Promise<Buffer> {
    this.#secret ??= this.#load().catch((error: unknown) => {
      this.#secret = undefined;
      throw error;
    });
    return this.#secret;
  }

  /** The secret in storage. Who comes first makes it. */
  async #load(): Promise<Buffer> {
    const found =
      (await this.#records.read(keys.uploadSeal)) ??
      (await this.#records.create(keys.uploadSeal, { secret: randomBytes(32).toString('base64url') })) ??
      (await this.#records.read(keys.uploadSeal));
    if (found === undefined) throw new Error('the secret of upload ids vanished while it was made');
    return Buffer.from(found.value.secret, 'base64url');
  }
}
