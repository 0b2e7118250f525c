import { Client, crypto } from 'acme-client';
import type { ServerCertificate } from '@entrepot/plugin-sdk';

/** Where proofs are put for the CA to find. */
export interface Proofs {
  put(token: string, proof: string): Promise<void>;
  delete(token: string): Promise<void>;
}

export interface CertificateAuthority {
  /** A key for an account, in PEM. */
  makeKey(): Promise<string>;
  /**
   * Orders a certificate for `domains` with a key of its own, and proves by HTTP-01 (RFC 8555, 8.3) that they are ours.
   * @throws Error that says what the CA has against it.
   */
  order(accountKey: string, proofs: Proofs): Promise<ServerCertificate>;
}

export interface AuthoritySettings {
  readonly directoryUrl: string;
  readonly domains: readonly string[];
  readonly email: string | undefined;
}

/** Milliseconds between two questions whether the CA is done, at least and at most, and how often it is asked. */
const POLL_FROM = 1000;
const POLL_TO = 15_000;
const POLLS = 12;

/** The CA whose directory is at `directoryUrl`. */
export function certificateAuthority(settings: AuthoritySettings): CertificateAuthority {
  const { directoryUrl, domains, email } = settings;
  const makeKey = async (): Promise<string> => (await crypto.createPrivateEcdsaKey('P-256')).toString('utf8');
  return {
    makeKey,
    async order(accountKey, proofs) {
      const client = new Client({
        directoryUrl,
        accountKey,
        backoffAttempts: POLLS,
        backoffMin: POLL_FROM,
        backoffMax: POLL_TO,
      });
      const [key, csr] = await crypto.createCsr({ altNames: [...domains] }, await makeKey());
      const cert = await client.auto({
        csr,
        ...(email === undefined ? {} : { email }),
        termsOfServiceAgreed: true,
        challengePriority: ['http-01'],
        // Whether this machine reaches its own names says nothing of whether the CA does.
        skipChallengeVerification: true,
        challengeCreateFn: (_authorization, { token }, proof) => proofs.put(token, proof),
        challengeRemoveFn: (_authorization, { token }) => proofs.delete(token),
      });
      return { cert, key: key.toString('utf8') };
    },
  };
}
