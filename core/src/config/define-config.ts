import type { Plugin } from '@entrepot/plugin-sdk';
import type { LoadedPlugin } from './load-plugins.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** What a manifest may refer to although it is absent. */
export type MayLack = 'nothing' | 'children' | 'anything';

/** How the registry speaks TLS. */
export interface TlsSettings {
  readonly cert?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly clientAuth: 'request' | 'require';
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string;
}

/**
 * Everything that can be set but the plugins. This is the shape alone: what each setting means, its unit, its limits
 * and its default are in schema.ts.
 */
export interface Settings {
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly workers: number | 'auto';
    readonly stopDelay: number;
    readonly drainTimeout: number;
    readonly idleTimeout: number;
    readonly maxHeaderBytes: number;
    readonly trustedProxies: readonly string[];
    readonly forwardedHeader: 'X-Forwarded-For' | 'Forwarded';
    readonly tls?: TlsSettings;
    readonly redirectPort?: number;
    readonly redirectTo?: string;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly format: 'auto' | 'json' | 'pretty';
    readonly levels: Readonly<Record<string, LogLevel>>;
    readonly access: boolean;
    readonly accessFormat: 'fields' | 'combined';
    readonly pullShare: number;
  };
  readonly diagnostics: { readonly host: string; readonly port: number; readonly debug: boolean };
  readonly manifests: {
    readonly maxBytes: number;
    readonly mayLack: MayLack;
  };
  readonly deletes: { readonly enabled: boolean };
  readonly uploads: { readonly maxAge: number; readonly maxConcurrent: number };
  readonly gc: {
    readonly enabled: boolean;
    readonly interval: number;
    readonly grace: number;
    readonly keepUntagged: number | 'forever';
    readonly restoreWindow: number;
    readonly callsPerSecond: number;
  };
  readonly lists: { readonly maxPageSize: number };
  readonly redirects: {
    readonly enabled: boolean;
    readonly expires: number;
    readonly exceptNetworks: readonly string[];
    readonly exceptUserAgents: readonly string[];
  };
  readonly cache: {
    readonly manifestBytes: number;
    readonly blobBytes: number;
  };
}

/** A plugin named by its package, for configuration written in JSON or YAML. */
export interface PluginByName {
  /** A package, or a path that starts with `./`; looked up from the folder of the configuration file. */
  readonly use: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** An entry of `plugins`. Falsy ones are left out, so `condition && plugin()` can be written. */
export type PluginEntry = Plugin | PluginByName | false | null | undefined | '';

type Written<Group> = {
  readonly [Name in keyof Group]?: Name extends 'tls' ? Partial<TlsSettings> : Group[Name];
};

/** What users write. Every setting may be left out. */
export type RegistryConfig = { readonly [Group in keyof Settings]?: Written<Settings[Group]> } & {
  readonly plugins?: readonly PluginEntry[];
};

/** The configuration a registry works with: checked, complete, frozen. */
export interface ResolvedConfig extends Settings {
  readonly plugins: readonly LoadedPlugin[];
}

/** What a configuration file may export: the configuration, or a function that gives it. */
export type ConfigExport = RegistryConfig | (() => RegistryConfig | Promise<RegistryConfig>);

/** Gives `registry.config.js` types in the editor. Returns what it is given. */
export function defineConfig<Config extends ConfigExport>(config: Config): Config {
  return config;
}
