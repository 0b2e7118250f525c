import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import {
  isStorageError,
  type ServerCertificate,
  type SmallObject,
  type StorageDriver,
} from '@entrepot/plugin-sdk';

/** The certificate as it is stored, and when it counts; milliseconds since 1970. */
export interface StoredCertificate extends ServerCertificate {
  readonly validFrom: number;
  readonly validTo: number;
}

/** Who orders, and how that has gone. */
export interface OrderState {
  /** Until then nobody else orders; milliseconds since 1970. */
  readonly until: number;
  /** Orders in a row that have failed. */
  readonly failures: number;
}

/** A record with what a conditional write needs. `content` is undefined when there is none, or none that can be read. */
export interface Versioned<Content> {
  readonly content: Content | undefined;
  readonly object: SmallObject | undefined;
}

const PREFIX = 'secrets/acme';

/** What replicas share in storage: the account, the certificate, proofs for the CA, and who orders. */
export class AcmeRecords {
  readonly #driver: StorageDriver;
  readonly #account: string;
  readonly #place: string;

  /** Another CA has another account; other names have another certificate. */
  constructor(driver: StorageDriver, directoryUrl: string, domains: readonly string[]) {
    this.#driver = driver;
    this.#account = `${PREFIX}/accounts/${shortHash(directoryUrl)}`;
    this.#place = `${PREFIX}/certificates/${shortHash([directoryUrl, ...domains.toSorted()].join('\n'))}`;
  }

  /** The key of the account, in PEM: what `make` gives when there is none yet, and nobody else is faster. */
  async accountKey(make: () => Promise<string>): Promise<string> {
    for (;;) {
      const { content } = versioned(await this.#driver.read(this.#account), accountOf);
      if (content !== undefined) return content;
      try {
        await this.#driver.write(this.#account, encode({ key: await make() }), { ifAbsent: true });
      } catch (error) {
        if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error;
        const { content: other, object } = versioned(await this.#driver.read(this.#account), accountOf);
        if (other === undefined && object !== undefined)
          throw new Error(`${this.#account} in storage is damaged; remove it to have a new account`, {
            cause: error,
          });
      }
    }
  }

  async certificate(known?: SmallObject): Promise<Versioned<StoredCertificate>> {
    return versioned(await this.#driver.read(`${this.#place}/certificate`, known), certificateOf);
  }

  /** Certificate and key are one object, so that no crash leaves one without the other. @throws StorageError. */
  async putCertificate({ cert, key }: ServerCertificate, before: Versioned<unknown>): Promise<void> {
    await this.#replace(`${this.#place}/certificate`, { cert, key }, before);
  }

  async order(): Promise<Versioned<OrderState>> {
    return versioned(await this.#driver.read(`${this.#place}/order`), orderOf);
  }

  /** Gives the new version; undefined when somebody else has written meanwhile. */
  async putOrder(state: OrderState, before: Versioned<unknown>): Promise<Versioned<OrderState> | undefined> {
    try {
      return { content: state, object: await this.#replace(`${this.#place}/order`, { ...state }, before) };
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) return undefined;
      throw error;
    }
  }

  async putProof(token: string, proof: string): Promise<void> {
    await this.#driver.write(this.#proof(token), encode({ proof }));
  }

  async proof(token: string): Promise<string | undefined> {
    return versioned(await this.#driver.read(this.#proof(token)), proofOf).content;
  }

  async deleteProof(token: string): Promise<void> {
    await this.#driver.delete(this.#proof(token));
  }

  #proof(token: string): string {
    return `${this.#place}/proofs/${token}`;
  }

  #replace(key: string, content: object, { object }: Versioned<unknown>): Promise<SmallObject> {
    const condition = object === undefined ? { ifAbsent: true } : { ifMatch: object.etag };
    return this.#driver.write(key, encode(content), condition);
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The nonce keeps any two versions of a record apart. */
function encode(content: object): Uint8Array {
  return Buffer.from(JSON.stringify({ ...content, nonce: randomUUID() }));
}

function versioned<Content>(
  object: SmallObject | undefined,
  parse: (fields: Readonly<Record<string, unknown>>) => Content | undefined,
): Versioned<Content> {
  if (object === undefined) return { content: undefined, object };
  try {
    const parsed: unknown = JSON.parse(Buffer.from(object.bytes).toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) return { content: parse({ ...parsed }), object };
  } catch {
    // What cannot be read is replaced, as if it were absent: all of it can be had again.
  }
  return { content: undefined, object };
}

function accountOf({ key }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof key === 'string' ? key : undefined;
}

function certificateOf({ cert, key }: Readonly<Record<string, unknown>>): StoredCertificate | undefined {
  if (typeof cert !== 'string' || typeof key !== 'string') return undefined;
  const { validFrom, validTo } = new X509Certificate(cert);
  return { cert, key, validFrom: Date.parse(validFrom), validTo: Date.parse(validTo) };
}

function orderOf({ until, failures }: Readonly<Record<string, unknown>>): OrderState | undefined {
  return typeof until === 'number' && typeof failures === 'number' ? { until, failures } : undefined;
}

function proofOf({ proof }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof proof === 'string' ? proof : undefined;
}
