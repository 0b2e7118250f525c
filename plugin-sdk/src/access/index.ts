/** Pieces for plugins that say who is asking, and what they may do. */
export { realmOption, withBasicChallenge } from './basic-challenge.ts';
export { BearerRefusals, scopeOf } from './bearer-refusals.ts';
export type { BearerError, TokenServer } from './bearer-refusals.ts';
export { claimOf } from './claims.ts';
export { parseAuthorization } from './credentials.ts';
export { GuessLimit, networkOf } from './guess-limit.ts';
export { loginOptions } from './login-options.ts';
export type { LoginLimits } from './login-options.ts';
export { isPlausible, Logins } from './logins.ts';
export type { Credentials, LoginParts, LoginRequest, PasswordCheck } from './logins.ts';
export { Networks } from './networks.ts';
export { Recent } from './recent.ts';
export { matchesText, RepositoryGlob } from './repository-glob.ts';
export { Turns } from './turns.ts';
export type { TurnLimits } from './turns.ts';
export { WatchedFile } from './watched-file.ts';
export type { WatchedFileOptions } from './watched-file.ts';
