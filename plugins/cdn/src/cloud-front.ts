import { createPrivateKey } from 'node:crypto';
import { getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { OptionsError } from '@entrepot/plugin-sdk';
import type { SignUrl } from './sign-url.ts';

export interface CloudFrontKey {
  readonly keyPairId: string;
  /** PEM. */
  readonly privateKey: string;
}

/**
 * Amazon CloudFront with the bucket as its origin. It checks its own signatures ("Create a signed URL using a canned
 * policy"), and reads from the bucket by rights of its own.
 */
export class CloudFront {
  readonly #url: string;
  readonly #key: CloudFrontKey;

  /** @throws OptionsError when the key is none. */
  constructor(url: string, key: CloudFrontKey) {
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
    try {
      createPrivateKey(key.privateKey);
    } catch {
      // What was given is not repeated: it may be a secret that is only cut off.
      throw new OptionsError(['cloudFront.privateKey is no private key in PEM form']);
    }
  }

  /** Whether the driver signs does not matter. */
  signUrlFor(): SignUrl {
    return async (key, { expires }) =>
      getSignedUrl({
        url: `${this.#url}/${key}`,
        dateLessThan: new Date(Date.now() + expires * 1000),
        ...this.#key,
      });
  }
}
