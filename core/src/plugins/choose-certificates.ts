import type { CertificateSource, Hooks } from '@entrepot/plugin-sdk';

/**
 * What the one plugin gives that gives certificates; undefined when none does.
 * @throws Error when several do.
 */
export function chooseCertificates({
  certificate,
}: Pick<Hooks, 'certificate'>): CertificateSource | undefined {
  const [first, ...others] = certificate.taps.map(({ name }) => name);
  if (first === undefined) return undefined;
  if (others.length > 0) {
    throw new Error(
      `more than one plugin gives a certificate: ${[first, ...others].join(', ')}; keep one of them in plugins`,
    );
  }
  return certificate.call();
}
