import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
  type UserDelegationKey,
} from '@azure/storage-blob';

/** Where the blobs are that are signed for. */
export interface SignedPlace {
  readonly account: string;
  readonly container: string;
  /** Whether signed URLs are for TLS alone. */
  readonly isPrivate: boolean;
}

/** Milliseconds: how long a key is asked for ("Create a user delegation SAS": seven days at most). */
const LIFE = 2 * 24 * 3_600_000;
/** Milliseconds: what clocks may differ by. */
const SKEW = 15 * 60_000;

/** Signatures for reading one blob ("Create a service SAS", "Create a user delegation SAS"). */
export class Signatures {
  readonly #place: SignedPlace;
  readonly #keyUntil: (until: Date) => Promise<StorageSharedKeyCredential | UserDelegationKey>;

  /** `keyUntil` gives a key that signs for a time that ends at `until`. */
  constructor(
    place: SignedPlace,
    keyUntil: (until: Date) => Promise<StorageSharedKeyCredential | UserDelegationKey>,
  ) {
    this.#place = place;
    this.#keyUntil = keyUntil;
  }

  /** What follows the `?` of a URL of the blob. */
  async sign(blobName: string, seconds: number): Promise<string> {
    const { account, container: containerName, isPrivate } = this.#place;
    const expiresOn = new Date(Date.now() + seconds * 1000);
    const key = await this.#keyUntil(expiresOn);
    const values = {
      containerName,
      blobName,
      permissions: BlobSASPermissions.parse('r'),
      expiresOn,
      protocol: isPrivate ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
    };
    const parameters =
      key instanceof StorageSharedKeyCredential
        ? generateBlobSASQueryParameters(values, key)
        : generateBlobSASQueryParameters(values, key, account);
    return parameters.toString();
  }
}

/** Keys that Azure lends an identity to sign with. Asked for once in a day or two, not once a URL. */
export class DelegationKeys {
  readonly #ask: (from: Date, until: Date) => Promise<UserDelegationKey>;
  #key: Promise<UserDelegationKey> | undefined;
  #expires = 0;

  constructor(ask: (from: Date, until: Date) => Promise<UserDelegationKey>) {
    this.#ask = ask;
  }

  /** A key that is still one at `until`, which is a day from now at most. */
  valid(until: Date): Promise<UserDelegationKey> {
    const known = this.#key;
    if (known !== undefined && until.getTime() < this.#expires - SKEW) return known;
    const now = Date.now();
    this.#expires = now + LIFE;
    const key = this.#ask(new Date(now - SKEW), new Date(this.#expires)).catch((error: unknown) => {
      if (this.#key === key) this.#key = undefined;
      throw error;
    });
    this.#key = key;
    return key;
  }
}
