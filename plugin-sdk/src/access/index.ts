/** Pieces for plugins that say who is asking, and what they may do. */
export { BearerRefusals, scopeOf } from './bearer-refusals.ts';
export type { BearerError, TokenServer } from './bearer-refusals.ts';
export { parseAuthorization } from './credentials.ts';
export { Networks } from './networks.ts';
export { matchesText, RepositoryGlob } from './repository-glob.ts';
export { WatchedFile } from './watched-file.ts';
export type { WatchedFileOptions } from './watched-file.ts';
