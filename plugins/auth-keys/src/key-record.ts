import { randomBytes } from 'node:crypto';
import type { Identity, Scope } from '@entrepot/plugin-sdk';

/** What is kept of a key. */
export interface KeyRecord {
  readonly id: string;
  /** What its owner calls it. */
  readonly name: string;
  /** Whose it is: the name that is shown with it. */
  readonly owner: string;
  /** Whether the owner is a robot, which has the rights of its keys and no others. */
  readonly isRobot: boolean;
  /** Those the owner had when the key was made. */
  readonly groups: readonly string[];
  readonly scopes: readonly Scope[];
  /** SHA-256 of the key, base64url. */
  readonly hash: string;
  /** Milliseconds since 1970, as all times here. */
  readonly created: number;
  readonly createdBy: string;
  readonly expires: number;
  /** When it was used last, to the hour or so. */
  readonly used: number | undefined;
}

/** 32 bytes in base64url. */
const HASH = /^[\w-]{43}$/;

/** What everybody may see of a key who may see it. */
export type KeyDescription = Omit<KeyRecord, 'hash' | 'groups'>;

/** Who shows the key. */
export function identityOf({ id, owner, isRobot, groups, scopes }: KeyRecord): Identity {
  return {
    subject: owner,
    claims: { key: id },
    scopes,
    ...(groups.length === 0 ? {} : { groups }),
    ...(isRobot ? { hasOwnRights: true } : {}),
  };
}

export function describe({ hash: _hash, groups: _groups, ...rest }: KeyRecord): KeyDescription {
  return rest;
}

/** With something random in it: storage is never given the same bytes twice under one key. */
export function encodeRecord(record: KeyRecord): Uint8Array {
  return Buffer.from(JSON.stringify({ ...record, nonce: randomBytes(9).toString('base64url') }));
}

/** undefined for what {@link encodeRecord} has not written. */
export function decodeRecord(bytes: Uint8Array): KeyRecord | undefined {
  const json = parseObject(bytes);
  const { id, name, owner, isRobot, groups, scopes, hash, created, createdBy, expires, used } = json;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof owner !== 'string') return undefined;
  if (typeof hash !== 'string' || !HASH.test(hash)) return undefined;
  if (typeof createdBy !== 'string' || typeof isRobot !== 'boolean') return undefined;
  if (typeof created !== 'number' || typeof expires !== 'number') return undefined;
  if (!isTexts(groups) || !Array.isArray(scopes) || !scopes.every(isScope)) return undefined;
  return {
    ...{ id, name, owner, isRobot, groups, scopes, hash, created, createdBy, expires },
    used: typeof used === 'number' ? used : undefined,
  };
}

const actions: readonly string[] = ['pull', 'push', 'delete', 'catalog', '*'] satisfies Scope['actions'];

/** Whether it is an action that scopes know. */
export function isAction(value: unknown): value is Scope['actions'][number] {
  return typeof value === 'string' && actions.includes(value);
}

function isScope(value: unknown): value is Scope {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'repositories' in value &&
    isTexts(value.repositories) &&
    'actions' in value &&
    Array.isArray(value.actions) &&
    value.actions.every(isAction)
  );
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
