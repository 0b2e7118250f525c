import type { OldOptions } from './old-options.ts';
import { Expression, literal, type PluginCall } from './source-text.ts';

/** What tells who may do what, what sends clients elsewhere for blobs, and what counts them. */
export function accessCalls(old: OldOptions): readonly PluginCall[] {
  return [...htpasswdCalls(old), ...tokenCalls(old), ...networkCalls(old), ...metricsCalls(old)];
}

function metricsCalls(old: OldOptions): readonly PluginCall[] {
  if (old.flag('http.debug.prometheus.enabled') !== true) return [];
  return [{ plugin: 'metrics', options: { path: old.text('http.debug.prometheus.path') } }];
}

function htpasswdCalls(old: OldOptions): readonly PluginCall[] {
  const file = old.text('auth.htpasswd.path');
  if (file === undefined) return [];
  return [{ plugin: 'auth-htpasswd', options: { file, realm: old.text('auth.htpasswd.realm') } }];
}

function tokenCalls(old: OldOptions): readonly PluginCall[] {
  const realm = old.text('auth.token.realm');
  const service = old.text('auth.token.service');
  const issuer = old.text('auth.token.issuer');
  if (realm === undefined || service === undefined || issuer === undefined) return [];
  const all = old.texts('auth.token.signingalgorithms');
  // A secret that the registry shares with the token server could sign tokens as well.
  const algorithms = all?.filter((name) => !name.startsWith('HS'));
  if (all !== undefined && all.length !== algorithms?.length) old.leave('auth.token.signingalgorithms');
  return [
    {
      plugin: 'auth-token',
      options: {
        realm,
        service,
        issuers: [issuer],
        rootCertificates: old.text('auth.token.rootcertbundle'),
        jwksFile: old.text('auth.token.jwks'),
        algorithms: algorithms?.length === 0 ? undefined : algorithms,
      },
    },
  ];
}

/** The innermost that has an equivalent. */
function networkCalls(old: OldOptions): readonly PluginCall[] {
  const wanted = old.any('middleware.storage');
  old.leave('middleware.storage');
  if (!Array.isArray(wanted) || wanted.length !== 1) return [];
  const [{ name, options } = { name: undefined, options: undefined }] = wanted.filter(isMiddleware);
  if (name !== 'cloudfront' || options === undefined) return [];
  const { baseurl, keypairid, privatekey } = options;
  if (typeof baseurl !== 'string' || typeof keypairid !== 'string' || typeof privatekey !== 'string')
    return [];
  old.any('middleware.storage');
  const url = /^https?:\/\//.test(baseurl) ? baseurl : `https://${baseurl}`;
  const key = new Expression(`readFileSync(${literal(privatekey)}, 'utf8')`);
  return [{ plugin: 'cdn', options: { url, cloudFront: { keyPairId: keypairid, privateKey: key } } }];
}

interface Middleware {
  readonly name: unknown;
  readonly options: Readonly<Record<string, unknown>> | undefined;
}

function isMiddleware(value: unknown): value is Middleware {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false;
  return !('options' in value) || (typeof value.options === 'object' && value.options !== null);
}
