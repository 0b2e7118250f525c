import { RegistryError } from '@entrepot/plugin-sdk';
import type { IncomingBytes } from '../store/blob-intake.ts';
import type { RequestContext } from '../http/request-context.ts';

const CONTENT_RANGE = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/;

/**
 * The bytes a PATCH or PUT of an upload brings, and what its headers say of them (distribution-spec, "Pushing a blob
 * in chunks"). Clients that stream send neither length nor range; both are checked when they are there.
 * @throws RegistryError `BLOB_UPLOAD_INVALID`, `SIZE_INVALID` when the headers contradict themselves.
 */
export function incomingBytes(context: RequestContext): IncomingBytes {
  const header = context.header('content-range');
  const length = context.contentLength;
  const body = context.body;
  if (header === undefined) return length === undefined ? { body } : { body, length };
  const parts = CONTENT_RANGE.exec(header.trim());
  if (parts === null) {
    throw new RegistryError('BLOB_UPLOAD_INVALID', 'Content-Range is to be <first byte>-<last byte>');
  }
  const at = Number(parts[1]);
  const ranged = Number(parts[2]) - at + 1;
  if (ranged <= 0) throw new RegistryError('BLOB_UPLOAD_INVALID', 'Content-Range ends before it begins');
  if (length !== undefined && length !== ranged) {
    throw new RegistryError(
      'SIZE_INVALID',
      `Content-Range covers ${ranged} bytes, Content-Length says ${length}`,
    );
  }
  return { body, at, length: ranged };
}
