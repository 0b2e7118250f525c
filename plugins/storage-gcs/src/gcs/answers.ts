import type { IncomingMessage } from 'node:http';
import { StorageError } from '@entrepot/plugin-sdk';
import { chunksOf } from '@entrepot/plugin-sdk/buckets';
import { Refusal } from './outcomes.ts';

/** What is known of an object without its bytes. */
export interface ObjectHead {
  /** Unlike that of any other version of the object; a number, as text. */
  readonly generation: string;
  readonly size: number;
  /** Written with it, unlike any other; empty for an object that something else has put into the bucket. */
  readonly id: string;
  readonly contentType: string;
}

/** One entry of a list. */
export interface ListedObject {
  readonly name: string;
  readonly contentType: string;
  /** When it was written; milliseconds, by the clock of Google. */
  readonly modified: number;
}

export interface Listing {
  readonly objects: readonly ListedObject[];
  /** What to go on with; empty at the end. */
  readonly next: string;
}

/** The metadata that an object's id is kept in. */
export const ID = 'entrepot-id';
/** Bytes an answer in JSON may have; the longest are lists of 1000 objects. */
const LONGEST_JSON = 16 * 1024 * 1024;

/**
 * The body of an answer that is no object.
 * @throws Error when it breaks off.
 */
export async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(response)) {
    length += chunk.length;
    if (length > LONGEST_JSON) throw new StorageError('UNAVAILABLE', 'Google answered with too many bytes');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** @throws StorageError when it is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StorageError('UNAVAILABLE', 'Google answered with something that is no JSON', { cause: error });
  }
}

/** An error in JSON, or in the plain text that answers requests for bytes. */
export function refusalOf(status: number, text: string): Refusal {
  const error = fieldOf(text.startsWith('{') ? jsonOf(text) : undefined, 'error');
  const [first] = listOf(fieldOf(error, 'errors'));
  const message = textIn(error, 'message') || text.slice(0, 200).trim();
  return new Refusal(status, textIn(first, 'reason'), message);
}

export function headOf(json: unknown): ObjectHead {
  return {
    generation: given(textIn(json, 'generation'), 'generation'),
    size: Number(given(textIn(json, 'size'), 'size')),
    id: textIn(fieldOf(json, 'metadata'), ID),
    contentType: textIn(json, 'contentType'),
  };
}

export function listingOf(json: unknown): Listing {
  const objects = listOf(fieldOf(json, 'items')).map((item) => ({
    name: given(textIn(item, 'name'), 'name'),
    contentType: textIn(item, 'contentType'),
    modified: Date.parse(given(textIn(item, 'updated'), 'updated')),
  }));
  return { objects, next: textIn(json, 'nextPageToken') };
}

/** What the headers of an object's bytes tell of it. */
export function identityOf(response: IncomingMessage): Pick<ObjectHead, 'generation' | 'contentType'> {
  return {
    generation: given(headerOf(response, 'x-goog-generation'), 'x-goog-generation'),
    contentType: headerOf(response, 'content-type'),
  };
}

/** Bytes of the body. */
export function lengthIn(response: IncomingMessage): number {
  return Number(given(headerOf(response, 'content-length'), 'content-length'));
}

/** Bytes of the whole object: what stands behind the slash of a Content-Range (RFC 9110, 14.4). */
export function totalIn(response: IncomingMessage): number {
  const range = headerOf(response, 'content-range');
  const total = Number(/^bytes \d+-\d+\/(\d+)$/.exec(range)?.[1] ?? Number.NaN);
  if (Number.isSafeInteger(total)) return total;
  throw new StorageError('UNAVAILABLE', `Google answered with a range that makes no sense: ${range}`);
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** A text in JSON, empty when there is none. */
function textIn(json: unknown, name: string): string {
  const value = fieldOf(json, name);
  return typeof value === 'string' ? value : '';
}

/** What an answer has to have. @throws StorageError when it has not. */
function given(value: string, name: string): string {
  if (value === '') throw new StorageError('UNAVAILABLE', `Google answered without ${name}`);
  return value;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
