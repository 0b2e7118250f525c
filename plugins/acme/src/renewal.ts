import type { Logger, ServerCertificate } from '@entrepot/plugin-sdk';
import type { CertificateAuthority } from './certificate-authority.ts';
import type { AcmeRecords, OrderState, StoredCertificate, Versioned } from './records.ts';

/** Milliseconds after which an order that has not come to its end is given up. */
const PATIENCE = 5 * 60_000;
/** For so long nobody else orders: until an order has been given up, and clocks that differ. */
const LEASE = 2 * PATIENCE;
/** Milliseconds until the next order after one that has failed; it doubles. CAs allow few failures in an hour. */
const FIRST_PAUSE = 5 * 60_000;
const LONGEST_PAUSE = 12 * 60 * 60_000;

export interface RenewalParts {
  readonly records: AcmeRecords;
  readonly authority: CertificateAuthority;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Keeps the certificate that replicas share, and has one of them order the next when it is time. */
export class Renewal {
  readonly #parts: RenewalParts;
  #use: ((certificate: ServerCertificate) => void) | undefined;
  #current: Versioned<StoredCertificate> = { content: undefined, object: undefined };

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Undefined as long as nobody has got one. */
  get current(): StoredCertificate | undefined {
    return this.#current.content;
  }

  /** Hands the certificate over, and each that takes its place. */
  follow(use: (certificate: ServerCertificate) => void): void {
    this.#use = use;
    if (this.#current.content !== undefined) use(this.#current.content);
  }

  /** Takes over what another replica has got. @throws StorageError. */
  async read(): Promise<void> {
    const before = this.#current.object?.etag;
    this.#current = await this.#parts.records.certificate(this.#current.object);
    const { content, object } = this.#current;
    if (content !== undefined && object?.etag !== before) this.#use?.(content);
  }

  /**
   * Reads the certificate, and orders another when it is time and nobody else does. An order that fails is logged, and
   * repeated after a pause that all replicas keep. @throws StorageError.
   */
  async look(): Promise<void> {
    await this.read();
    if (!this.#isDue()) return;
    const lease = await this.#takeLease();
    if (lease === undefined) return;
    await this.read(); // Somebody may have been done just before.
    if (!this.#isDue()) {
      await this.#parts.records.putOrder({ until: 0, failures: 0 }, lease);
      return;
    }
    const { records, authority, log, now } = this.#parts;
    try {
      const accountKey = await records.accountKey(() => authority.makeKey());
      const proofs = {
        put: (token: string, proof: string) => records.putProof(token, proof),
        delete: (token: string) => records.deleteProof(token),
      };
      const certificate = await within(PATIENCE, authority.order(accountKey, proofs));
      // It is used once it is stored: a replica that shows what others cannot find would order again after a restart.
      await records.putCertificate(certificate, this.#current);
      await this.read();
      const { validTo } = this.#current.content ?? { validTo: 0 };
      log.info({ validTo: new Date(validTo).toISOString() }, 'a certificate was issued');
      await records.putOrder({ until: 0, failures: 0 }, lease);
    } catch (error) {
      const failures = (lease.content?.failures ?? 0) + 1;
      const pause = Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
      log.error({ err: error, failures, pauseSeconds: pause / 1000 }, 'no certificate was issued');
      await records.putOrder({ until: now() + pause, failures }, lease);
    }
  }

  /** A third of its time before it ends, as CAs advise. */
  #isDue(): boolean {
    const { content } = this.#current;
    if (content === undefined) return true;
    const { validFrom, validTo } = content;
    return this.#parts.now() > validTo - (validTo - validFrom) / 3;
  }

  /** Undefined when somebody else orders, or nobody is to. */
  async #takeLease(): Promise<Versioned<OrderState> | undefined> {
    const { records, now } = this.#parts;
    const state = await records.order();
    if (state.content !== undefined && now() < state.content.until) return undefined;
    return records.putOrder({ until: now() + LEASE, failures: state.content?.failures ?? 0 }, state);
  }
}

/** @throws Error when the work takes longer; what it does then goes on unheard. */
async function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the CA was not done within ${milliseconds / 1000} s`));
    }, milliseconds).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
