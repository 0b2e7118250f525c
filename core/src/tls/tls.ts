import { createServer, type Server, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { OptionsError, type CertificateSource, type ServerCertificate } from '@entrepot/plugin-sdk';
import type { Settings, TlsSettings } from '../config/define-config.ts';
import { messageOf } from '../error-message.ts';
import type { Logger } from '../log.ts';
import { requireCertificates, secureContextOf, type SecureContext } from './secure-context.ts';
import { WatchedFiles } from './watched-files.ts';

/** Milliseconds for a handshake. */
const HANDSHAKE = 30_000;
/** A certificate with less left than this is told of as a warning, in milliseconds. */
const SOON = 14 * 24 * 60 * 60 * 1000;

/**
 * What the settings say of TLS; `given` is what a plugin gives. @throws OptionsError when they do not fit together; no
 * file is looked at.
 */
export function tlsOf(
  { tls, redirectPort, redirectTo }: Settings['http'],
  given: CertificateSource | undefined,
  log: Logger,
): Tls | undefined {
  const problems = [
    ...certificateProblems(tls, given !== undefined),
    ...(tls === undefined && redirectPort !== undefined ? ['http.redirectPort needs http.tls'] : []),
    ...(redirectPort === undefined && redirectTo !== undefined
      ? ['http.redirectTo needs http.redirectPort']
      : []),
    ...(tls?.clientAuth === 'require' && tls.clientCa === undefined
      ? ["http.tls.clientAuth: 'require' needs http.tls.clientCa, the CAs of client certificates"]
      : []),
  ];
  if (problems.length > 0) throw new OptionsError(problems.map((problem) => `config: ${problem}`));
  return tls === undefined ? undefined : new Tls(tls, log);
}

function certificateProblems(tls: TlsSettings | undefined, isGiven: boolean): readonly string[] {
  if (tls === undefined)
    return isGiven ? ['a plugin gives a certificate: it needs http.tls, if only as {}'] : [];
  if (isGiven && (tls.cert !== undefined || tls.key !== undefined))
    return ['http.tls has cert or key, and a plugin gives a certificate as well: keep one of them'];
  if (!isGiven && (tls.cert === undefined || tls.key === undefined))
    return ['http.tls needs cert and key, or a plugin that gives a certificate, such as @entrepot/acme'];
  return [];
}

/** The TLS of a registry: servers that speak it, with the certificate that files have, or a plugin gives, at the moment. */
export class Tls {
  readonly #settings: TlsSettings;
  readonly #files: WatchedFiles;
  readonly #log: Logger;
  #server: Server | undefined;
  #source: CertificateSource | undefined;
  /** By the source. */
  #given: ServerCertificate | undefined;
  /** What was logged last of files that are broken. */
  #complaint = '';
  /** Connections, also those that have not come so far as to be requests. */
  readonly #sockets = new Set<Socket>();

  constructor(settings: TlsSettings, log: Logger) {
    const { cert, key, clientCa } = settings;
    this.#settings = settings;
    this.#log = log;
    this.#files = new WatchedFiles([
      ...(cert === undefined ? [] : [{ setting: 'http.tls.cert', path: cert }]),
      ...(key === undefined ? [] : [{ setting: 'http.tls.key', path: key }]),
      ...(clientCa === undefined ? [] : [{ setting: 'http.tls.clientCa', path: clientCa }]),
    ]);
  }

  /**
   * Reads what the settings lead to. Gives undefined as long as a plugin is to give the certificate, and has not.
   * @throws Error that names the setting that is wrong.
   */
  async read(): Promise<SecureContext | undefined> {
    const texts = await this.#files.read();
    const [cert, key, clientCa] = ['cert', 'key', 'clientCa'].map((name) => texts.get(`http.tls.${name}`));
    const own = cert !== undefined && key !== undefined ? { cert, key } : this.#given;
    if (own !== undefined) return secureContextOf({ ...own, clientCa }, this.#settings);
    if (clientCa !== undefined) requireCertificates('http.tls.clientCa', clientCa);
    return undefined;
  }

  /** A server that speaks TLS once {@link open} has read the certificate. */
  createServer(options: ServerOptions): Server {
    const { clientCa, clientAuth } = this.#settings;
    const server = createServer({
      ...options,
      handshakeTimeout: HANDSHAKE,
      requestCert: clientCa !== undefined,
      // Otherwise connections with a certificate of somebody else go on, and nobody looks at it.
      rejectUnauthorized: clientAuth === 'require',
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // Before Node's own listener, which takes it for a request that cannot be read: there is nobody to tell in HTTP.
    server.prependListener('tlsClientError', (error: Error, socket: TLSSocket) => {
      this.#log.debug({ err: error, address: socket.remoteAddress }, 'a TLS handshake has failed');
      socket.destroy();
    });
    this.#server = server;
    return server;
  }

  /**
   * Reads the certificate, and from now on takes over what changes: connections that are open keep the one they have.
   * @throws Error that names the setting that is wrong.
   */
  async open(): Promise<void> {
    this.#use(await this.read());
    this.#files.watch(() => this.#reload());
  }

  /** From now on shows what `source` gives, and asks it what plain HTTP is answered with. */
  follow(source: CertificateSource): void {
    this.#source = source;
    source.follow((certificate) => {
      if (this.#source !== source) return;
      this.#given = certificate;
      void this.#reload();
    });
  }

  /** What a request for `path` gets on plain HTTP instead of a redirect; undefined when nothing. */
  async answer(path: string): Promise<string | undefined> {
    return this.#source?.answer(path);
  }

  /** Looks at the files at once, as a timer does all the time. */
  refresh(): Promise<void> {
    return this.#files.look(() => this.#reload());
  }

  /** Ends what is left of connections: HTTP knows of none that are still in their handshake. */
  close(): void {
    this.#files.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whether the files are good. What is wrong with them is logged once, and what was read before still serves. */
  async #reload(): Promise<boolean> {
    try {
      this.#use(await this.read());
      this.#complaint = '';
      return true;
    } catch (error) {
      const complaint = messageOf(error);
      if (complaint !== this.#complaint)
        this.#log.error({ err: error }, 'the new certificate is broken; the one before it still serves');
      this.#complaint = complaint;
      return false;
    }
  }

  #use(context: SecureContext | undefined): void {
    if (context === undefined) return;
    const { options, names, validTo } = context;
    this.#server?.setSecureContext(options);
    const left = validTo.getTime() - Date.now();
    const details = { names, validTo: validTo.toISOString() };
    this.#log.info(details, 'a certificate is shown');
    if (left < 0) this.#log.error(details, 'the certificate has expired: no client will connect');
    else if (left < SOON) this.#log.warn(details, 'the certificate expires soon');
  }
}
