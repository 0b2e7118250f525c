import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  AsyncParallelHook,
  AsyncSeriesBailHook,
  AsyncSeriesHook,
  SyncBailHook,
  SyncHook,
  SyncWaterfallHook,
} from 'tapable';
import type { Admission } from './admission.ts';
import type { ContentChange } from './change.ts';
import type { Access, AuthorizeRequest, AuthRequest, Identity } from './auth.ts';
import type { DiagnosticRoutes } from './diagnostics.ts';
import type { CertificateSource } from './certificate.ts';
import type { RegistryError } from './errors.ts';
import type { AuditEvent, RegistryEvent, ResponseReport } from './events.ts';
import type { ManifestSubmission } from './manifest.ts';
import type { RetentionPolicy } from './retention.ts';
import type { StorageDriver } from './storage.ts';
import type { Tracer } from './trace.ts';

/** The part of an Express router that plugins use: own routes, or middleware in front of the registry. */
export interface MiddlewareRouter {
  use(handler: RequestHandler): unknown;
  use(path: string, handler: RequestHandler): unknown;
  get(path: string, handler: RequestHandler): unknown;
  post(path: string, handler: RequestHandler): unknown;
}
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * The hooks, in the order a registry meets them. Called by core alone; plugins hold a {@link PluginHooks}.
 * docs/hooks.md is the table of them; a test compares the two.
 */
export function createHooks() {
  return {
    storage: new SyncBailHook<[], StorageDriver>([], 'storage'),
    wrapStorage: new SyncWaterfallHook<[StorageDriver]>(['driver'], 'wrapStorage'),
    certificate: new SyncBailHook<[], CertificateSource>([], 'certificate'),
    middleware: new SyncHook<[MiddlewareRouter]>(['router'], 'middleware'),
    diagnostics: new SyncHook<[DiagnosticRoutes]>(['routes'], 'diagnostics'),
    retention: new SyncBailHook<[], RetentionPolicy | undefined>([], 'retention'),
    trace: new SyncBailHook<[], Tracer>([], 'trace'),
    authenticate: new AsyncSeriesBailHook<[AuthRequest], Identity>(['request'], 'authenticate'),
    authorize: new AsyncSeriesBailHook<[AuthorizeRequest], boolean>(['request'], 'authorize'),
    challenge: new SyncWaterfallHook<[readonly string[], readonly Access[], RegistryError?]>(
      ['challenges', 'access', 'refusal'],
      'challenge',
    ),
    admit: new AsyncSeriesHook<[Admission]>(['admission'], 'admit'),
    validateManifest: new AsyncSeriesHook<[ManifestSubmission]>(['submission'], 'validateManifest'),
    change: new SyncHook<[ContentChange]>(['change'], 'change'),
    record: new AsyncParallelHook<[readonly RegistryEvent[]]>(['events'], 'record'),
    event: new AsyncParallelHook<[RegistryEvent]>(['event'], 'event'),
    audit: new AsyncParallelHook<[AuditEvent]>(['event'], 'audit'),
    response: new SyncHook<[ResponseReport]>(['report'], 'response'),
  };
}
export type Hooks = ReturnType<typeof createHooks>;

/** A hook whose taps answer at once. */
export interface SyncTap<Arguments extends readonly unknown[], Result> {
  tap(name: string, fn: (...args: Arguments) => Result): void;
}
/** A hook whose taps may take their time: `tap` for a function that answers at once, `tapPromise` for an async one. */
export interface AsyncTap<Arguments extends readonly unknown[], Result> {
  tap(name: string, fn: (...args: Arguments) => Result): void;
  tapPromise(name: string, fn: (...args: Arguments) => Promise<Result>): void;
}

/** What plugins hold: they may tap, they cannot call. */
export interface PluginHooks {
  /** Gives the storage driver. Exactly one plugin does. */
  readonly storage: SyncTap<[], StorageDriver>;
  /** Puts something around the driver: caching, metrics, fault injection. Called once, so it costs no request anything. */
  readonly wrapStorage: SyncTap<[driver: StorageDriver], StorageDriver>;
  /** Gives the certificate that the registry shows, instead of files. Called once; one plugin at most does. */
  readonly certificate: SyncTap<[], CertificateSource>;
  /** Adds own routes, or Express middleware in front of the registry. Called once. */
  readonly middleware: SyncTap<[router: MiddlewareRouter], void>;
  /** Adds endpoints for operators, on an address of their own. Called once. */
  readonly diagnostics: SyncTap<[routes: DiagnosticRoutes], void>;
  /** Says which tags stay. Called once, and for `registry retention`; the first policy counts. */
  readonly retention: SyncTap<[], RetentionPolicy | undefined>;
  /** Gives what follows requests through the registry. Called once; the first tracer counts. */
  readonly trace: SyncTap<[], Tracer | undefined>;
  /**
   * Says who is asking; `undefined` means "not mine". The first identity wins; credentials that are nobody's are refused.
   * To refuse credentials that are yours and wrong, throw `RegistryError('UNAUTHORIZED')`; when it cannot be found out
   * whether they are, `RegistryError('UNAVAILABLE')`.
   */
  readonly authenticate: AsyncTap<[request: AuthRequest], Identity | undefined>;
  /**
   * Allows (`true`), denies (`false`) or leaves it to the next (`undefined`). No opinion at all means no. To deny with a
   * reason, throw `RegistryError('DENIED')`: who is known reads it, who is not gets the challenges.
   */
  readonly authorize: AsyncTap<[request: AuthorizeRequest], boolean | undefined>;
  /**
   * Adds to the `WWW-Authenticate` values of a 401. `refusal` is the very error that a tap of `authenticate` or
   * `authorize` refused the request with, for a challenge that names what was wrong (RFC 6750 section 3).
   */
  readonly challenge: SyncTap<
    [challenges: readonly string[], access: readonly Access[], refusal?: RegistryError],
    readonly string[]
  >;
  /** Refuses what is to be added to a repository, before a byte of it is taken, by throwing a `RegistryError`. */
  readonly admit: AsyncTap<[admission: Admission], void>;
  /** Looks at a manifest before anything is stored: warns through `submission.warn`, denies by throwing a `RegistryError`. */
  readonly validateManifest: AsyncTap<[submission: ManifestSubmission], void>;
  /**
   * Refuses that a tag is set, or that something is deleted, by throwing a `RegistryError`. Called at the very moment of
   * the change, about what is there then, and perhaps more than once: of two that come at once, the second sees the first.
   */
  readonly change: SyncTap<[change: ContentChange], void>;
  /**
   * Writes down what a request has changed, before its client is answered: all events of one request at once, of one
   * repository, at least one. The client waits, and an error becomes its answer: it will try again. At most 60 s.
   */
  readonly record: AsyncTap<[events: readonly RegistryEvent[]], void>;
  /** Hears what has happened, after the client has been answered. An error is logged and harms nobody. */
  readonly event: AsyncTap<[event: RegistryEvent], void>;
  /** Hears of logins, denials and changes of keys. An error is logged and harms nobody. */
  readonly audit: AsyncTap<[event: AuditEvent], void>;
  /** Hears how each request ended. */
  readonly response: SyncTap<[report: ResponseReport], void>;
}
