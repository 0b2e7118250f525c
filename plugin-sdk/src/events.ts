import type { Access } from './auth.ts';
import type { Descriptor } from './manifest.ts';

export type EventAction = 'push' | 'pull' | 'mount' | 'delete' | 'tag';

/**
 * Something that has happened to content. A change is told to `record` taps before the client is answered; changes and
 * pulls are told to `event` taps afterwards, under the same id. docs/events.md has a table of the members.
 */
export interface RegistryEvent {
  /** UUID. */
  readonly id: string;
  readonly action: EventAction;
  /** ISO 8601. */
  readonly time: string;
  readonly repository: string;
  /** The content concerned. `mediaType` is `application/octet-stream` for blobs. */
  readonly target: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  /** Whether `target` is a blob or a manifest. */
  readonly kind: 'blob' | 'manifest';
  /** The tag that was pushed, pulled by, set or deleted. A `delete` with a tag is of that tag. */
  readonly tag?: string;
  /** What the tag pointed at before. */
  readonly previousDigest?: string;
  /** What an index that is pushed has manifests for: `linux/arm64/v8`. At most 100. */
  readonly platforms?: readonly string[];
  /** Where a mounted blob came from. */
  readonly fromRepository?: string;
  /** `Identity.subject`, when the request had one. */
  readonly actor?: string;
  readonly address: string;
  readonly userAgent?: string;
  /** What the client called the registry: the `Host` of its request. */
  readonly host?: string;
  readonly requestId: string;
  readonly method: string;
}

export type AuditAction = 'login' | 'denial' | 'key';

/**
 * Something that concerns who may do what, told to `audit` taps. Passwords, tokens and keys are never part of it.
 *
 * - `login`: somebody has shown a password, and it was good (at `GET /v2/`, or for a token) or not (anywhere).
 * - `denial`: who is known, or shows a token, may not do what is asked. A client that is told to log in is none.
 * - `key`: a key was made, changed or revoked.
 */
export interface AuditEvent {
  /** UUID. */
  readonly id: string;
  readonly action: AuditAction;
  readonly kind: 'access';
  /** ISO 8601. */
  readonly time: string;
  readonly outcome: 'granted' | 'refused';
  /** `Identity.subject` of who is known. */
  readonly actor?: string;
  /** The name that came with a wrong password: nobody vouches for it. At most 256 characters. */
  readonly claimed?: string;
  /** What was asked for. */
  readonly access?: readonly Access[];
  /** Which rule has decided, or what is wrong with the credentials, or what was done with the key. */
  readonly reason?: string;
  readonly address: string;
  readonly requestId: string;
  readonly method: string;
}

/** What is told of something that concerns access; id and time are added to it. */
export type AuditReport = Omit<AuditEvent, 'id' | 'time' | 'kind'>;

/** How a request ended: told to `response` taps, once for each request. */
export interface ResponseReport {
  readonly requestId: string;
  readonly method: string;
  /** Name of the endpoint: `manifest`, `blob`, `upload`, `tags` …; `unknown` when no endpoint matched. */
  readonly endpoint: string;
  readonly repository?: string;
  readonly status: number;
  /** Bytes of the answer's body. */
  readonly bytes: number;
  /** Bytes of the request's body that were taken. */
  readonly receivedBytes: number;
  readonly milliseconds: number;
}
