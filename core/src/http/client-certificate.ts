import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '@entrepot/plugin-sdk';

interface Shown {
  readonly certificate: ClientCertificate;
  /** Milliseconds since 1970. */
  readonly validTo: number;
}

/** What was found on connections, which bring many requests; `null` when there is no certificate. */
const known = new WeakMap<TLSSocket, Shown | null>();

/** The certificate that the client of a connection has shown, if it was verified, and has not expired since. */
export function certificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  let shown = known.get(socket);
  if (shown === undefined) {
    shown = readCertificate(socket) ?? null;
    known.set(socket, shown);
  }
  return shown !== null && Date.now() < shown.validTo ? shown.certificate : undefined;
}

/** `authorized` alone says little: it is true for a session of TLS 1.3 that was resumed and never had a certificate. */
function readCertificate(socket: TLSSocket): Shown | undefined {
  const peer: Partial<ReturnType<TLSSocket['getPeerCertificate']>> = socket.getPeerCertificate();
  if (peer.raw === undefined || peer.valid_to === undefined || peer.fingerprint256 === undefined)
    return undefined;
  const names = parseAlternativeNames(peer.subjectaltname ?? '');
  const namesOf = (type: string): string[] =>
    names.filter((name) => name.type === type).map(({ value }) => value);
  const subject: Readonly<Record<string, unknown>> = { ...peer.subject };
  return {
    validTo: Date.parse(peer.valid_to),
    certificate: {
      commonNames: textsOf(subject['CN']),
      organizationalUnits: textsOf(subject['OU']),
      emails: namesOf('email'),
      dnsNames: namesOf('DNS'),
      uris: namesOf('URI'),
      fingerprint: peer.fingerprint256.replaceAll(':', '').toLowerCase(),
    },
  };
}

/** An attribute that is there several times is a list. */
function textsOf(attribute: unknown): string[] {
  return [attribute].flat().filter((value) => typeof value === 'string');
}

interface AlternativeName {
  readonly type: string;
  readonly value: string;
}

const NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * Reads what Node makes of alternative names: `DNS:a.example, URI:"spiffe://x, y"`, in which values that could be
 * mistaken for more than one are JSON. Of a text that is anything else, nothing is believed.
 */
export function parseAlternativeNames(text: string): readonly AlternativeName[] {
  const names: AlternativeName[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < text.length) {
    const [, type, written] = NAME.exec(text) ?? [];
    if (type === undefined || written === undefined) return [];
    const value: unknown = written.startsWith('"') ? parseQuoted(written) : written;
    if (typeof value !== 'string') return [];
    names.push({ type, value });
  }
  return names;
}

function parseQuoted(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return undefined; // No JSON is no name.
  }
}
