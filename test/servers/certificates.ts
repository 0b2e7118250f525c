import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate with its key, in PEM, and what signs others in its name. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly subject: Subject;
}

/** Common name and organizational units; several of the one are rare, and allowed. */
export interface Subject {
  readonly CN?: string | readonly string[];
  readonly OU?: readonly string[];
}

export interface CertificateRequest {
  readonly subject: Subject;
  /** `DNS:registry.example.com`, `IP:127.0.0.1`, `email:a@example.com`, `URI:spiffe://ci/build`. */
  readonly names?: readonly string[];
  /** Undefined: it signs itself. */
  readonly issuer?: Certificate;
  readonly isCa?: boolean;
  /** What it may be used for; both when left out. */
  readonly use?: 'server' | 'client';
  /** Milliseconds since 1970; a day from now when left out. */
  readonly validTo?: number;
}

const DAY = 24 * 60 * 60 * 1000;
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

/** Makes an X.509 certificate (RFC 5280) with a P-256 key. */
export function issueCertificate({
  subject,
  names = [],
  issuer,
  isCa = false,
  use,
  validTo = Date.now() + DAY,
}: CertificateRequest): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const algorithm = sequence(oid(ECDSA_SHA256));
  const uses = [
    ...(use === 'client' ? [] : [oid('1.3.6.1.5.5.7.3.1')]),
    ...(use === 'server' ? [] : [oid('1.3.6.1.5.5.7.3.2')]),
  ];
  const extensions = [
    extension('2.5.29.19', sequence(...(isCa ? [element(0x01, Buffer.of(0xff))] : []))),
    ...(isCa ? [] : [extension('2.5.29.37', sequence(...uses))]),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', sequence(...names.map(alternativeName)))]),
  ];
  const body = sequence(
    element(0xa0, element(0x02, Buffer.of(2))),
    element(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    nameOf(issuer?.subject ?? subject),
    sequence(time(validTo - 30 * DAY), time(validTo)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  );
  const signature = element(0x03, Buffer.concat([Buffer.of(0), sign('sha256', body, signer)]));
  return {
    cert: pem('CERTIFICATE', sequence(body, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject,
  };
}

/** A CA that signs itself. */
export function createCa(name: string): Certificate {
  return issueCertificate({ subject: { CN: name }, isCa: true });
}

function nameOf({ CN = [], OU = [] }: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    element(0x31, sequence(oid(type), element(0x0c, Buffer.from(value))));
  return sequence(
    ...OU.map((unit) => attribute('2.5.4.11', unit)),
    ...[CN].flat().map((name) => attribute('2.5.4.3', name)),
  );
}

function alternativeName(name: string): Buffer {
  const colon = name.indexOf(':');
  const value = name.slice(colon + 1);
  switch (name.slice(0, colon)) {
    case 'email':
      return element(0x81, Buffer.from(value));
    case 'DNS':
      return element(0x82, Buffer.from(value));
    case 'URI':
      return element(0x86, Buffer.from(value));
    case 'IP':
      if (isIP(value) !== 4) throw new Error(`${value} is no IPv4 address`);
      return element(0x87, Buffer.from(value.split('.').map(Number)));
    default:
      throw new Error(`${name} is no alternative name`);
  }
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), element(0x04, value));
}

/** GeneralizedTime to the second; RFC 5280 wants UTCTime before 2050. */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return element(0x17, Buffer.from(digits.slice(2)));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const number of others) {
    const digits = [number & 0x7f];
    for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, ...parts);
}

/** Tag, length and value (X.690, 8.1). */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), value]);
  const digits = [length & 0xff];
  for (let rest = length >>> 8; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length, ...digits), value]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
