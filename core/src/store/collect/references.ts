import { isRegistryError } from '@entrepot/plugin-sdk';
import type { ParsedManifest } from '../../manifest/parse-manifest.ts';
import type { StoredManifest } from '../stored-manifest.ts';

/** Whatever looks like a digest of ours in the bytes of something. */
const DIGESTS = /sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}/g;

/** Reads a manifest. @throws RegistryError when it cannot be read. */
export type ParseManifest = (manifest: StoredManifest) => ParsedManifest;

/**
 * Every digest that a manifest needs. Children count as blobs as well as manifests: caches of builders are indexes of
 * layers. From one that cannot be read, as the bytes are damaged or of a kind this version does not know, whatever
 * looks like a digest is taken: too much is kept rather than too little. `isCertain` is false then.
 */
export function referencesOf(
  manifest: StoredManifest | undefined,
  bytes: Uint8Array,
  parse: ParseManifest,
): {
  readonly digests: readonly string[];
  readonly children: readonly string[];
  readonly isCertain: boolean;
} {
  if (manifest !== undefined) {
    try {
      const { blobs, manifests } = parse(manifest);
      const children = manifests.map(({ digest }) => digest);
      return { digests: [...blobs.map(({ digest }) => digest), ...children], children, isCertain: true };
    } catch (error) {
      if (!isRegistryError(error)) throw error;
    }
  }
  const digests = digestsIn(bytes);
  return { digests, children: digests, isCertain: false };
}

/** Whatever looks like a digest in these bytes. */
export function digestsIn(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return [...new Set(text.match(DIGESTS))];
}
