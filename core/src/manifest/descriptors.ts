import { RegistryError, type Descriptor } from '@entrepot/plugin-sdk';
import { isDigest } from '../digest.ts';

/** OCI image-spec, descriptor.md, "Digests": what a digest may look like, of any algorithm. */
const ANY_DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;

/** @throws RegistryError `MANIFEST_INVALID` */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${where} is not a descriptor`);
  const { mediaType, digest, size, artifactType, urls }: Partial<Record<string, unknown>> = { ...value };
  if (typeof digest !== 'string' || !isWellFormed(digest)) throw invalid(`${where}.digest is not a digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${where}.size is not a size`);
  if (mediaType !== undefined && typeof mediaType !== 'string')
    throw invalid(`${where}.mediaType is not a string`);
  return {
    mediaType: mediaType ?? '',
    digest,
    size,
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(isTextList(urls) ? { urls } : {}),
  };
}

/** @throws RegistryError `MANIFEST_INVALID` */
export function parseDescriptors(value: unknown, where: string): readonly Descriptor[] {
  if (!Array.isArray(value)) throw invalid(`${where} is not a list`);
  return value.map((item, index) => parseDescriptor(item, `${where}[${index}]`));
}

/** A digest of an algorithm we know has to be right in full; one we do not know only has to look like one. */
function isWellFormed(digest: string): boolean {
  return digest.startsWith('sha256:') || digest.startsWith('sha512:')
    ? isDigest(digest)
    : ANY_DIGEST.test(digest);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function invalid(message: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', message);
}
