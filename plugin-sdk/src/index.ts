/** What this file exports is the public API of @entrepot/plugin-sdk; nothing else is. */
export { apiVersion, definePlugin } from './plugin.ts';
export type {
  Logger,
  Plugin,
  PluginContext,
  PluginDefinition,
  PluginFactory,
  PluginHandle,
} from './plugin.ts';
export { createHooks } from './hooks.ts';
export type { AsyncTap, Hooks, MiddlewareRouter, PluginHooks, RequestHandler, SyncTap } from './hooks.ts';
export { expectSmall, isStorageKey, largestSmallObject, lengthOf, readerOf, withMethods } from './storage.ts';
export type {
  ByteRange,
  JsonValue,
  LargeObject,
  ListOptions,
  ListPage,
  SmallObject,
  StorageDriver,
  Upload,
  UploadState,
  WriteOptions,
} from './storage.ts';
export type {
  Access,
  AuthorizeRequest,
  AuthRequest,
  Client,
  ClientCertificate,
  Decisions,
  Identity,
  Scope,
} from './auth.ts';
export type { Admission, RepositoryUsage } from './admission.ts';
export type { CertificateSource, ServerCertificate } from './certificate.ts';
export type { ContentChange } from './change.ts';
export type { JudgedTag, RetentionPolicy, TagVerdict } from './retention.ts';
export type { Descriptor, ManifestSubmission } from './manifest.ts';
export type { DiagnosticRoutes, Diagnosis, SiblingAnswer, Siblings } from './diagnostics.ts';
export type { CacheFigures, CollectionFigures, RegistryFigures } from './figures.ts';
export type { Span, SpanAttributes, TracedRequest, Tracer } from './trace.ts';
export type {
  AuditAction,
  AuditEvent,
  AuditReport,
  EventAction,
  RegistryEvent,
  ResponseReport,
} from './events.ts';
export { errorCodes, isRegistryError, isStorageError, RegistryError, StorageError } from './errors.ts';
export type { ErrorCode, RegistryErrorOptions, StorageErrorCode } from './errors.ts';
export { OptionsError, resolveOptions } from './options.ts';
export type { JSONSchemaType } from './options.ts';
