import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsSettings } from '../config/define-config.ts';
import { messageOf } from '../error-message.ts';

/** What a server shows and whom it believes, all of it in PEM. */
export interface Pem {
  /** The certificate, and those of the CAs between it and a root behind it. */
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/** What Node makes the TLS of a server of, and what can be said of the certificate. */
export interface SecureContext {
  readonly options: SecureContextOptions;
  /** `CN=registry.example.com` and the like, with the alternative names. */
  readonly names: string;
  readonly validTo: Date;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws Error that names the setting, and says what is wrong with what it leads to. */
export function secureContextOf(pem: Pem, { minVersion, ciphers }: TlsSettings): SecureContext {
  const [own] = requireCertificates('http.tls.cert', pem.cert);
  const key = keyIn(pem.key);
  if (!own.checkPrivateKey(key))
    throw new Error('http.tls.key is not the key of the certificate in http.tls.cert');
  if (pem.clientCa !== undefined) requireCertificates('http.tls.clientCa', pem.clientCa);
  const options: SecureContextOptions = {
    cert: pem.cert,
    key: pem.key,
    minVersion,
    ciphers,
    ...(pem.clientCa === undefined ? {} : { ca: pem.clientCa }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    const isCipher = error instanceof Error && 'code' in error && error.code === 'ERR_SSL_NO_CIPHER_MATCH';
    const setting = isCipher ? 'http.tls.ciphers: OpenSSL knows none of them' : 'http.tls';
    throw new Error(`${setting}: ${messageOf(error)}`, { cause: error });
  }
  const { subjectAltName = '', subject, validTo } = own;
  return { options, names: subjectAltName === '' ? subject : subjectAltName, validTo: new Date(validTo) };
}

/** The certificates in a PEM text. @throws Error that names the setting when there are none, or one is damaged. */
export function requireCertificates(
  setting: string,
  pem: string,
): readonly [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = (pem.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    throw new Error(`${setting}: a certificate in the file is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
  throw new Error(`${setting}: the file has no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
}

function keyIn(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(
      `http.tls.key: the file has no private key in PEM that is not encrypted: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
