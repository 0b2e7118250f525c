import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  RegistryError,
  isRegistryError,
  type AuditReport,
  type Decisions,
  type Identity,
  type Logger,
} from '@entrepot/plugin-sdk';
import { parseAuthorization, withBasicChallenge } from '@entrepot/plugin-sdk/access';
import { describe, type KeyDescription } from './key-record.ts';
import { isRobotName, KeyRequestInvalid, makeKey, ownerMistake, robotNamed } from './key-request.ts';
import type { KeyStore } from './key-store.ts';

export interface KeyApiParts {
  /** Hears of each key that was made or revoked. */
  readonly audit: (report: AuditReport) => void;
  readonly decisions: Decisions;
  /** @throws Error before the storage has been opened. */
  readonly store: () => KeyStore;
  /** `user:<name>` and `group:<name>`: who may do for others what everybody may for themselves, and make robots. */
  readonly administrators: readonly string[];
  readonly maxDays: number;
  readonly realm: string;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** One request, and who has sent it. */
interface Call {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly identity: Identity;
  readonly isAdministrator: boolean;
  readonly query: URLSearchParams;
}

/** A refusal of the API itself: the status, a code, and what to do. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Keys an owner may have. */
const MAX_KEYS = 100;
/** Days, when nothing is said. */
const USUAL_DAYS = 90;
/** Bytes of a request. */
const MAX_BODY = 65_536;

/**
 * `GET` and `POST /api/v1/keys`, `DELETE /api/v1/keys/<id>`: with name and password. A key makes no keys, or one that was
 * lost would live on in others; it may end itself.
 */
export class KeyApi {
  readonly #parts: KeyApiParts;

  constructor(parts: KeyApiParts) {
    this.#parts = parts;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      if (error instanceof KeyRequestInvalid) sendError(response, 400, 'KEY_INVALID', error.message);
      else if (error instanceof Refusal) sendError(response, error.status, error.code, error.message);
      else if (isRegistryError(error))
        sendError(response, error.status, error.code, error.message, error.headers);
      else throw error;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const id = path.replace(/^\//, '');
    const call = await this.#admit(request, new URLSearchParams(query));
    const endpoint = `${request.method ?? ''} ${id === '' ? 'keys' : 'key'}`;
    if (endpoint === 'GET keys') send(response, 200, { keys: await this.#list(call) });
    else if (endpoint === 'POST keys') send(response, 201, await this.#create(call));
    else if (endpoint === 'DELETE key') {
      await this.#revoke(call, id);
      send(response, 204);
    } else
      throw new Refusal(
        405,
        'UNSUPPORTED',
        'GET and POST /api/v1/keys, and DELETE /api/v1/keys/<id>, are there',
      );
  }

  async #admit(request: IncomingMessage, query: URLSearchParams): Promise<Call> {
    const { decisions, administrators, realm } = this.#parts;
    const requestId = randomUUID();
    const { basic } = parseAuthorization(request.headers.authorization);
    const identity =
      basic === undefined
        ? undefined
        : await decisions.identify({
            requestId,
            method: request.method ?? '',
            ...decisions.clientOf(request),
            access: [],
            basic,
          });
    if (identity === undefined)
      throw new RegistryError('UNAUTHORIZED', 'a name and a password are needed', {
        headers: { 'www-authenticate': withBasicChallenge([], realm).join() },
      });
    const names = [`user:${identity.subject}`, ...(identity.groups ?? []).map((group) => `group:${group}`)];
    const isAdministrator = names.some((name) => administrators.includes(name));
    return { request, requestId, identity, isAdministrator, query };
  }

  async #list(call: Call): Promise<readonly KeyDescription[]> {
    const owner = ownerIn(call);
    assertMay(call, owner);
    const keys: KeyDescription[] = [];
    for await (const record of this.#parts.store().list(owner)) keys.push(describe(record));
    return keys.toSorted((one, other) => one.created - other.created);
  }

  async #create(call: Call): Promise<object> {
    const { store, maxDays, log, now } = this.#parts;
    const { identity, requestId } = call;
    const members = await bodyOf(call.request);
    const unknown = [...members.keys()].find((name) => !['name', 'scopes', 'days', 'robot'].includes(name));
    if (unknown !== undefined) throw new KeyRequestInvalid(`there is no member ${JSON.stringify(unknown)}`);
    const isRobot = members.has('robot');
    const owner = isRobot ? robotNamed(members.get('robot')) : identity.subject;
    assertMay(call, owner);
    const mistake = ownerMistake(owner);
    if (mistake !== undefined) throw new KeyRequestInvalid(mistake);
    const days = members.get('days') ?? Math.min(USUAL_DAYS, maxDays);
    if (typeof days === 'number' && days > maxDays) throw new KeyRequestInvalid(`days is ${maxDays} at most`);
    const request = { name: members.get('name'), scopes: members.get('scopes'), days };
    const groups = isRobot ? [] : (identity.groups ?? []);
    const { text, record } = makeKey(request, { owner, isRobot, groups, createdBy: identity.subject }, now());
    if ((await store().count(owner, MAX_KEYS)) >= MAX_KEYS)
      throw new Refusal(409, 'TOO_MANY_KEYS', `${owner} has ${MAX_KEYS} keys; revoke some that are not used`);
    await store().create(record);
    log.info({ reqId: requestId, actor: identity.subject, owner, key: record.id }, 'a key was made');
    this.#tell(call, `the key ${record.id} of ${owner} was made`);
    return { ...describe(record), key: text };
  }

  async #revoke(call: Call, id: string): Promise<void> {
    const { store, log } = this.#parts;
    const { identity, requestId } = call;
    const owner = ownerIn(call);
    if (identity.claims?.['key'] !== id || owner !== identity.subject) assertMay(call, owner);
    if (!(await store().revoke(owner, id)))
      throw new Refusal(404, 'KEY_UNKNOWN', `${owner} has no key ${JSON.stringify(id.slice(0, 100))}`);
    log.info({ reqId: requestId, actor: identity.subject, owner, key: id }, 'a key was revoked');
    this.#tell(call, `the key ${id} of ${owner} was revoked`);
  }

  #tell({ identity, requestId, request }: Call, reason: string): void {
    const { audit, decisions } = this.#parts;
    const { address } = decisions.clientOf(request);
    const method = request.method ?? '';
    audit({ action: 'key', outcome: 'granted', actor: identity.subject, reason, address, requestId, method });
  }
}

/** Whose keys the request is about. */
function ownerIn({ query, identity }: Call): string {
  return query.get('owner') ?? identity.subject;
}

/** @throws RegistryError `DENIED` */
function assertMay({ identity, isAdministrator }: Call, owner: string): void {
  if (identity.scopes !== undefined)
    throw new RegistryError('DENIED', 'a key cannot manage keys; log in with a password');
  if (isAdministrator || (owner === identity.subject && !isRobotName(owner))) return;
  throw new RegistryError('DENIED', `${identity.subject} may not manage the keys of ${owner}`);
}

/** The members of the JSON object that is sent. No page of another site can send one of that type unasked. */
async function bodyOf(request: IncomingMessage): Promise<ReadonlyMap<string, unknown>> {
  if (!/^application\/json(?:;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new KeyRequestInvalid('the request is to be JSON, with content-type: application/json');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) throw new KeyRequestInvalid(`the request has more than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  const json = parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new KeyRequestInvalid('the request is to be a JSON object with a name and scopes');
  return new Map<string, unknown>(Object.entries(json));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, { errors: [{ code, message }] }, headers);
}

function send(
  response: ServerResponse,
  status: number,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const length =
    bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length };
  response.writeHead(status, { ...headers, ...length, 'cache-control': 'no-store' }).end(bytes);
}
