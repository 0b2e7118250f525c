import type { OldOptions } from './old-options.ts';
import type { Members } from './source-text.ts';

const DAY = 86_400;

/** All settings but the plugins, as far as the other registry has said something about them. */
export function serverSettings(old: OldOptions): Members {
  return withoutEmpty({
    http: { ...(addressOf(old) ?? {}), drainTimeout: drainTimeoutOf(old), tls: tlsOf(old) },
    diagnostics: diagnosticsOf(old),
    log: { level: levelOf(old), format: formatOf(old), access: accessOf(old) },
    manifests: { mayLack: mayLackOf(old) },
    // The other registry deletes only where it is told to.
    deletes: { enabled: old.flag('storage.delete.enabled') ?? false },
    uploads: { maxAge: maxAgeOf(old) },
    lists: { maxPageSize: maxPageSizeOf(old) },
    redirects: { enabled: old.flag('storage.redirect.disable') === true ? false : undefined },
  });
}

function addressOf(old: OldOptions): Members | undefined {
  if ((old.text('http.net') ?? 'tcp') !== 'tcp') {
    old.leave('http.net');
    return undefined;
  }
  return old.has('http.addr') ? listenedAt(old, 'http.addr') : { host: '0.0.0.0', port: 5000 };
}

/** Nobody is asked there who they are, so it is only opened for metrics. */
function diagnosticsOf(old: OldOptions): Members {
  if (old.flag('http.debug.prometheus.enabled') !== true || !old.has('http.debug.addr')) return {};
  return listenedAt(old, 'http.debug.addr') ?? {};
}

/** `:5000` listens on every network. */
function listenedAt(old: OldOptions, path: string): Members | undefined {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(old.text(path) ?? '') ?? [];
  if (port !== '') return { host: host.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port: Number(port) };
  old.leave(path);
  return undefined;
}

function drainTimeoutOf(old: OldOptions): number | undefined {
  const seconds = old.seconds('http.draintimeout');
  return seconds === undefined || seconds === 0 ? undefined : Math.min(seconds, DAY);
}

const clientAuths: ReadonlyMap<string, string> = new Map([
  ['request-client-cert', 'request'],
  ['verify-client-cert-if-given', 'request'],
  ['require-any-client-cert', 'require'],
  ['require-and-verify-client-cert', 'require'],
]);

function tlsOf(old: OldOptions): Members | undefined {
  const [cert, key] = [old.text('http.tls.certificate'), old.text('http.tls.key')];
  if (cert === undefined || key === undefined) return undefined;
  const cas = old.texts('http.tls.clientcas');
  if (cas !== undefined && cas.length > 1) old.leave('http.tls.clientcas');
  const minimum = old.text('http.tls.minimumtls');
  const auth = old.text('http.tls.clientauth') ?? 'require-and-verify-client-cert';
  return {
    cert,
    key,
    clientCa: cas?.[0],
    clientAuth: cas === undefined ? undefined : clientAuths.get(auth),
    minVersion: minimum === undefined ? undefined : minimum === 'tls1.3' ? 'TLSv1.3' : 'TLSv1.2',
  };
}

function levelOf(old: OldOptions): string | undefined {
  const level = (old.text('log.level') ?? old.text('loglevel'))?.toLowerCase();
  old.any('loglevel');
  return level !== undefined && ['error', 'warn', 'info', 'debug'].includes(level) ? level : undefined;
}

function formatOf(old: OldOptions): string | undefined {
  switch (old.text('log.formatter')) {
    case undefined:
      return undefined;
    case 'text':
      return 'pretty';
    case 'json':
      return 'json';
    default:
      old.leave('log.formatter');
      return 'json';
  }
}

function accessOf(old: OldOptions): boolean | undefined {
  return old.flag('log.accesslog.disabled') === true ? false : undefined;
}

function mayLackOf(old: OldOptions): string | undefined {
  const platforms = old.text('validation.manifests.indexes.platforms');
  if (platforms === 'list') old.leave('validation.manifests.indexes.platforms');
  return platforms === 'none' || platforms === 'list' ? 'children' : undefined;
}

function maxAgeOf(old: OldOptions): number | undefined {
  const age = old.seconds('storage.maintenance.uploadpurging.age');
  return age === undefined ? undefined : Math.min(Math.max(Math.round(age), 60), 7 * DAY);
}

/** One setting for both. */
function maxPageSizeOf(old: OldOptions): number | undefined {
  const sizes = [old.number('catalog.maxentries'), old.number('tags.maxtags')].filter(
    (size) => size !== undefined && size > 0,
  );
  return sizes.length === 0 ? undefined : Math.min(Math.max(...sizes.map(Number)), 100_000);
}

/** Groups that say nothing are left out. */
function withoutEmpty(groups: Readonly<Record<string, Members>>): Members {
  return Object.fromEntries(
    Object.entries(groups).filter(([, group]) => Object.values(group).some((each) => each !== undefined)),
  );
}
