import { timingSafeEqual } from 'node:crypto';
import type { UploadIds } from './upload-ids.ts';
import type { UploadSeal } from './upload-seal.ts';

/** An upload session as a request names it. */
export interface NamedUpload {
  readonly repository: string;
  readonly id: string;
}

/** Who opens a session, and with what. */
export interface UploadOpener {
  /** `undefined`: somebody who has not said who they are. */
  readonly subject: string | undefined;
  /** The credentials as they were shown, in one text; `undefined` when there were none. */
  readonly credentials: string | undefined;
}

/** Bytes of each of the two codes of a ticket. */
const CODE = 16;

/**
 * The tickets of upload sessions: two codes, over who has opened the session and over the credentials they showed. A
 * ticket tells neither, costs no write, and any replica knows one that any of them has issued. It gives no right: whoever
 * shows it has to be the one it is about.
 */
export class UploadTickets {
  readonly #seal: UploadSeal;
  readonly #ids: UploadIds;
  readonly #maxAge: number;

  /** `maxAge`: milliseconds for which a session may be gone on with after its credentials have expired. */
  constructor(seal: UploadSeal, ids: UploadIds, maxAge: number) {
    this.#seal = seal;
    this.#ids = ids;
    this.#maxAge = maxAge;
  }

  /** 43 characters of base64url. */
  async issue(upload: NamedUpload, { subject, credentials }: UploadOpener): Promise<string> {
    const codes = [
      await this.#code('subject', upload, subject),
      await this.#code('credentials', upload, credentials),
    ];
    return Buffer.concat(codes).toString('base64url');
  }

  /** Whether the ticket says that this subject has opened the upload. */
  async isOf(ticket: string | undefined, upload: NamedUpload, subject: string | undefined): Promise<boolean> {
    const code = await this.#code('subject', upload, subject);
    return timingSafeEqual(code, codesOf(ticket).subarray(0, CODE));
  }

  /** Whether the ticket says that the upload was opened with these credentials, and that is not too long ago. */
  async wasOpenedWith(
    ticket: string | undefined,
    upload: NamedUpload,
    credentials: string,
  ): Promise<boolean> {
    const issued = await this.#ids.issuedAt(upload.repository, upload.id);
    if (issued === undefined || Date.now() - issued > this.#maxAge) return false;
    const code = await this.#code('credentials', upload, credentials);
    return timingSafeEqual(code, codesOf(ticket).subarray(CODE));
  }

  /** What is hashed begins with a bracket, and what ids carry a code of with the time: the one is never the other. */
  async #code(about: string, { repository, id }: NamedUpload, text: string | undefined): Promise<Buffer> {
    const hmac = await this.#seal.hmac();
    return hmac
      .update(JSON.stringify([about, repository, id, text ?? null]))
      .digest()
      .subarray(0, CODE);
  }
}

/** What is no ticket has codes that no upload has. */
function codesOf(ticket = ''): Buffer {
  const bytes = Buffer.from(ticket, 'base64url');
  const isTicket = bytes.length === 2 * CODE && bytes.toString('base64url') === ticket;
  return isTicket ? bytes : Buffer.alloc(2 * CODE);
}
