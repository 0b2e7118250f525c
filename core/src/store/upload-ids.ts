import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ID } from './ids.ts';
import type { UploadSeal } from './upload-seal.ts';

/** Of the 16 bytes of a UUID: 6 are time, 5 random but for version and variant, 5 the code. */
const CODE_AT = 11;

/**
 * The ids of upload sessions: UUIDs (RFC 9562, version 7) that carry a code over time, chance and repository. Any
 * replica knows an id that any of them has issued without having been told of it, so nothing needs to be written before
 * a session has its first byte. An id proves nothing about a client, and a wrong one is merely answered as unknown; whose
 * session it is, a ticket says.
 */
export class UploadIds {
  readonly #seal: UploadSeal;

  constructor(seal: UploadSeal) {
    this.#seal = seal;
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
    const hmac = await this.#seal.hmac();
    return hmac
      .update(bytes.subarray(0, CODE_AT))
      .update(repository)
      .digest()
      .subarray(0, 16 - CODE_AT);
  }
}
