/** Media types this registry knows by name. Any other is stored and served just the same. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  octetStream: 'application/octet-stream',
} as const;

/** RFC 6838, 4.2: `type/subtype` of restricted names. */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** Whether `text` is a media type without parameters. */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text);
}
