/** A certificate and its key, both in PEM. */
export interface ServerCertificate {
  /** The certificate of the server, and those of the CAs between it and a root behind it. */
  readonly cert: string;
  /** Not encrypted. */
  readonly key: string;
}

/** Gives the certificate that a registry shows to its clients. */
export interface CertificateSource {
  /**
   * Calls `use` with the certificate, at once if it has one, and with each that takes its place. Called once, when the
   * registry listens: from then on a CA may ask it for proofs.
   */
  follow(use: (certificate: ServerCertificate) => void): void;
  /**
   * What a request for `path` gets on the port for plain HTTP, as text; undefined when the path is none of its. Never
   * rejects.
   */
  answer(path: string): Promise<string | undefined>;
}
