import type { OpenUpload } from '../auth/gatekeeper.ts';
import type { Query } from '../http/query.ts';
import type { NamedUpload, UploadTickets } from '../store/upload-tickets.ts';

/** The query parameter of an upload's `Location` that holds its ticket. Clients send it back, as they do distribution's. */
export const TICKET = '_state';

/** The upload that a request goes on with, for whoever asks whose it is. @throws RegistryError 400 for two tickets. */
export function openUpload(tickets: UploadTickets, upload: NamedUpload, query: Query): OpenUpload {
  const ticket = query.one(TICKET);
  return {
    isOf: (subject) => tickets.isOf(ticket, upload, subject),
    wasOpenedWith: (credentials) => tickets.wasOpenedWith(ticket, upload, credentials),
  };
}
