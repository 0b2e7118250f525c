import type { OldOption } from './old-options.ts';

/** Why options mean nothing here, or what to do instead. The longest path that fits counts. */
const reasons: Readonly<Record<string, string>> = {
  'auth.none': 'everybody may do everything',
  'auth.silly': 'a plugin for tests that checks nothing; WITHOUT IT EVERYBODY MAY DO EVERYTHING',
  'auth.token.autoredirect': 'give the address of the token server as realm of auth-token',
  'auth.token.autoredirectpath': 'give the address of the token server as realm of auth-token',
  'auth.token.signingalgorithms': 'algorithms with a shared secret (HS…) are not taken',
  health: '/readyz asks the storage and the plugins, whenever it is asked',
  'http.addr': 'an address is <host>:<port>; set http.host and http.port',
  'http.debug': '/livez and /readyz are served on the port of the registry; see docs/operations.md for more',
  'http.h2c': 'HTTP/1.1 alone is served in clear text; a proxy in front can speak HTTP/2',
  'http.headers': 'a proxy in front can add headers',
  'http.host': 'links are paths, so the registry need not know where it is reached',
  'http.http2': 'HTTP/1.1 is served; a proxy in front can speak HTTP/2',
  'http.net': 'the registry listens on TCP; let it listen on 127.0.0.1 behind a proxy',
  'http.prefix':
    'the registry is at the root of its host, where clients look for it; let a proxy in front take the prefix away',
  'http.relativeurls': 'links are always paths',
  'http.secret': 'replicas have a secret in the storage that they share',
  'http.tls.ciphersuites':
    'suites have names of OpenSSL here; set http.tls.ciphers if the default is not right for you',
  'http.tls.clientcas':
    'put the CAs into one file and name it as http.tls.clientCa; the first alone is named now',
  'http.tls.letsencrypt':
    "let the plugin @entrepot/acme get certificates, with 'http: { tls: {}, redirectPort: 80 }': it proves names on port 80, not 443",
  'log.fields': 'whoever collects the log can add fields',
  'log.formatter': 'lines are JSON with the members of pino',
  'log.hooks': 'whoever collects the log can send mail',
  'log.reportcaller': 'lines tell what happened, not where in the code',
  'middleware.storage': 'write a plugin with the hook wrapStorage (docs/write-a-plugin.md)',
  middleware: 'write a plugin (docs/write-a-plugin.md)',
  notifications: 'see the options of events-webhook: attempts, retrySeconds, maxRetrySeconds, mediaTypes',
  policy: 'write a plugin with the hook validateManifest (docs/hooks.md)',
  proxy: 'THERE IS NO PULL-THROUGH CACHE: what is not in the storage is not served',
  redis: 'replicas need nothing but the storage',
  'storage.azure.connectionstring': 'it was never used',
  'storage.azure.max_retries': 'nothing is copied, so no copy is waited for; maxAttempts is about requests',
  'storage.azure.retry_delay': 'nothing is copied, so no copy is waited for',
  'storage.azure.skipverify': 'set NODE_EXTRA_CA_CERTS to the CA of the server',
  'storage.cache':
    'what is read is remembered in memory; cache.manifestBytes and cache.blobBytes say how much',
  'storage.filesystem.maxthreads': 'set UV_THREADPOOL_SIZE in the environment',
  'storage.maintenance.readonly': 'use access-rules with rules that allow pull alone',
  'storage.maintenance.uploadpurging': 'unfinished uploads are always swept, when uploads.maxAge is over',
  'storage.s3.multipartcopychunksize': 'nothing is copied',
  'storage.s3.multipartcopymaxconcurrency': 'nothing is copied',
  'storage.s3.multipartcopythresholdsize': 'nothing is copied',
  'storage.s3.objectacl': 'the policy of the bucket says who may read',
  'storage.s3.redirectendpoint': 'use the plugin cdn with this address as url',
  'storage.s3.secure': 'the address in endpoint says http or https',
  'storage.s3.skipverify': 'set NODE_EXTRA_CA_CERTS to the CA of the server',
  'storage.s3.storageclass': 'objects of this class cannot be read at once',
  'storage.s3.v4auth': 'requests are always signed with version 4',
  'storage.tag.concurrencylimit': 'a tag is one object, so none have to be searched',
  validation:
    'see manifests.mayLack for indexes; foreign layers are accepted whatever their URLs; a plugin with the hook validateManifest can refuse more',
};

/** Names of options whose values belong in no comment. */
const SECRET = /secret|password|key|token|credential|authorization|connectionstring/i;
const LONGEST_VALUE = 60;

/** A line about an option that has no equivalent. */
export function remarkOn({ path, value }: OldOption): string {
  return `${path}${valueOf(path, value)}: ${reasonFor(path)}`;
}

function reasonFor(path: string): string {
  const known = path.replace(/^storage\.s3aws\./, 'storage.s3.');
  for (let end = known.length; end > 0; end = known.lastIndexOf('.', end - 1)) {
    const reason = reasons[known.slice(0, end)];
    if (reason !== undefined) return reason;
  }
  return 'there is no such option';
}

/** Lists and maps may hold secrets at any depth. */
function valueOf(path: string, value: unknown): string {
  if (SECRET.test(path)) return '';
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return '';
  const text = JSON.stringify(value);
  return ` = ${text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text}`;
}
