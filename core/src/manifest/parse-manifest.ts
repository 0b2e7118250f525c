import { RegistryError, type Descriptor } from '@entrepot/plugin-sdk';
import { digestOf, isDigest, type Algorithm } from '../digest.ts';
import { parseDescriptor, parseDescriptors } from './descriptors.ts';
import { isMediaType, mediaTypes } from './media-types.ts';
import { isNestedDeeper } from './nesting.ts';

/** Manifests of the field nest about six deep; plugins may recurse into what we accept. */
const MAX_NESTING = 100;

/** A manifest whose bytes have been read: what the registry needs to know of it. */
export interface ParsedManifest {
  readonly digest: string;
  /** As pushed; served with the bytes again. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly json: Readonly<Record<string, unknown>>;
  /** Config and layers. */
  readonly blobs: readonly Descriptor[];
  /** Children of an index. */
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | undefined;
  /** What a referrers list says of it: its own, else an image's config type. */
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a manifest of whatever media type: its bytes are kept as they are, its references are taken from where image
 * manifests, indexes and artifact manifests have them (OCI image-spec, manifest.md and image-index.md).
 * @throws RegistryError `MANIFEST_INVALID` with what is wrong and where.
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  algorithm: Algorithm,
): ParsedManifest {
  const json = parseJson(bytes);
  if (json['schemaVersion'] === 1)
    throw invalid('docker schema 1 manifests are not supported: push schema 2 or OCI');
  const mediaType = mediaTypeOf(json, contentType);
  const config = optional(json, 'config', parseDescriptor);
  const layers = optional(json, 'layers', parseDescriptors) ?? [];
  const artifactBlobs = optional(json, 'blobs', parseDescriptors) ?? [];
  const subject = optional(json, 'subject', parseDescriptor);
  if (subject !== undefined && !isDigest(subject.digest))
    throw invalid('subject.digest has an unsupported algorithm');
  return {
    digest: digestOf(bytes, algorithm),
    mediaType,
    bytes,
    json,
    blobs: [...(config === undefined ? [] : [config]), ...layers, ...artifactBlobs],
    manifests: optional(json, 'manifests', parseDescriptors) ?? [],
    subject,
    artifactType: optional(json, 'artifactType', parseText) || config?.mediaType,
    annotations: optional(json, 'annotations', parseAnnotations),
  };
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (isNestedDeeper(bytes, MAX_NESTING)) throw invalid(`the manifest nests deeper than ${MAX_NESTING}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid('the manifest is not JSON in UTF-8', error);
  }
  if (!isObject(json)) throw invalid('the manifest is not a JSON object');
  return json;
}

/** The type the client gave, which has to be the one inside; without one, what the manifest says or looks like. */
function mediaTypeOf(json: Readonly<Record<string, unknown>>, contentType: string | undefined): string {
  const given = contentType?.split(';', 1)[0]?.trim();
  const inside = optional(json, 'mediaType', parseText);
  if (given !== undefined && given !== '') {
    if (!isMediaType(given)) throw invalid(`Content-Type '${given.slice(0, 100)}' is not a media type`);
    if (inside !== undefined && inside !== '' && inside !== given) {
      throw invalid(`Content-Type is ${given}, mediaType in the manifest is ${inside.slice(0, 100)}`);
    }
    return given;
  }
  if (inside !== undefined && isMediaType(inside)) return inside;
  if (Array.isArray(json['manifests'])) return mediaTypes.ociIndex;
  if (Array.isArray(json['layers'])) return mediaTypes.ociManifest;
  throw invalid('the request has no Content-Type and the manifest no mediaType');
}

function optional<Value>(
  json: Readonly<Record<string, unknown>>,
  name: string,
  parse: (value: unknown, where: string) => Value,
): Value | undefined {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  return value === undefined || value === null ? undefined : parse(value, name);
}

function parseText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw invalid(`${where} is not a string`);
  return value;
}

function parseAnnotations(value: unknown, where: string): Readonly<Record<string, string>> {
  if (!isObject(value)) throw invalid(`${where} is not an object`);
  const entries: [string, string][] = [];
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(`${where} has a value that is not a string`);
    entries.push([name, text]);
  }
  // Built from entries so that an annotation called `__proto__` is one like any other.
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string, cause?: unknown): RegistryError {
  return new RegistryError('MANIFEST_INVALID', message, { cause });
}
