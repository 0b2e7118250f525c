import type { Hooks } from '@entrepot/plugin-sdk';
import type { Gatekeeper } from '../auth/gatekeeper.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import type { Store } from '../store/index.ts';
import type { ManifestPut } from '../store/manifest-store.ts';
import type { Redirects, RedirectSettings } from './redirects.ts';

/** The settings the API obeys. */
export interface ApiSettings {
  readonly manifests: { readonly maxBytes: number; readonly mayLack: ManifestPut['mayLack'] };
  readonly deletes: { readonly enabled: boolean };
  readonly lists: { readonly maxPageSize: number };
  readonly redirects: RedirectSettings;
}

/** What the handlers work with. */
export interface RegistryParts {
  readonly store: Store;
  readonly hooks: Hooks;
  readonly gatekeeper: Gatekeeper;
  readonly recorder: EventRecorder;
  readonly redirects: Redirects;
  readonly settings: ApiSettings;
}
