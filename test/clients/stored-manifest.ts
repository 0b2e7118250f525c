/** A manifest as the registry gives it to anyone: its media type and its JSON. */
export interface StoredManifest {
  readonly mediaType: string;
  /** Media types of its layers, or of its children when it is an index. */
  readonly contentTypes: readonly string[];
}

/**
 * Asks the registry on `host` for a manifest, without the help of the client that pushed it.
 * @throws Error when it is not there.
 */
export async function storedManifest(
  host: string,
  repository: string,
  reference: string,
): Promise<StoredManifest> {
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`);
  const json: unknown = await response.json();
  if (!response.ok || typeof json !== 'object' || json === null) {
    throw new Error(`GET ${response.url} answered ${response.status} ${JSON.stringify(json)}.`);
  }
  const { layers, manifests }: { layers?: unknown; manifests?: unknown } = json;
  return {
    mediaType: response.headers.get('content-type') ?? '',
    contentTypes: [layers, manifests]
      .flat()
      .flatMap((descriptor) =>
        typeof descriptor === 'object' && descriptor !== null && 'mediaType' in descriptor
          ? [String(descriptor.mediaType)]
          : [],
      ),
  };
}
