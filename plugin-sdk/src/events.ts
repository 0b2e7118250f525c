import type { Descriptor } from './manifest.ts';

export type EventAction = 'push' | 'pull' | 'mount' | 'delete' | 'tag';

/** Something that has happened: told to `event` taps after the client has been answered. */
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
  readonly tag?: string;
  /** What the tag pointed at before. */
  readonly previousDigest?: string;
  /** Where a mounted blob came from. */
  readonly fromRepository?: string;
  /** `Identity.subject`, when the request had one. */
  readonly actor?: string;
  readonly address: string;
  readonly userAgent?: string;
  readonly requestId: string;
  readonly method: string;
}

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
  readonly milliseconds: number;
}
