import { join } from 'node:path';

/** Root of the checkout. */
export const checkout = join(import.meta.dirname, '..', '..');

/** What a registry prints when it listens, on a line of its log: the address. */
export const serving = /(http:\/\/127\.0\.0\.1:\d+)/;
