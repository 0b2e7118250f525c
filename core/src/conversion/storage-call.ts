import type { OldOptions } from './old-options.ts';
import type { Members, PluginCall } from './source-text.ts';

const MiB = 1024 ** 2;
/** Options of `storage` that are no driver. */
const NO_DRIVERS = ['cache', 'delete', 'maintenance', 'redirect', 'tag'];

/** @throws Error when there is no driver, or one that has no equivalent. */
export function storageCall(old: OldOptions): PluginCall {
  // A name alone is a driver with its defaults.
  const names =
    old.has('storage') && old.names('storage').length === 0
      ? [old.text('storage') ?? '']
      : old.names('storage');
  const [driver, ...more] = names.filter((name) => !NO_DRIVERS.includes(name));
  if (driver === undefined || more.length > 0)
    throw new Error(
      `storage has to name one driver, not ${more.length === 0 ? 'none' : [driver, ...more].join(', ')}`,
    );
  const at = (name: string): string => `storage.${driver}.${name}`;
  // One without options has nothing to say.
  if (old.names(`storage.${driver}`).length === 0) old.any(`storage.${driver}`);
  switch (driver) {
    case 'filesystem':
      return {
        plugin: 'storage-filesystem',
        options: { root: old.text(at('rootdirectory')) ?? '/var/lib/registry' },
      };
    case 's3':
    case 's3aws':
      return { plugin: 'storage-s3', options: s3Options(old, at) };
    case 'gcs':
      return { plugin: 'storage-gcs', options: gcsOptions(old, at) };
    case 'azure':
      return { plugin: 'storage-azure', options: azureOptions(old, at) };
    case 'inmemory':
      return { plugin: 'storage-memory', options: {} };
    default:
      throw new Error(
        `there is no driver for the storage '${driver}': move the content with registry copy, and write a configuration by hand`,
      );
  }
}

type At = (name: string) => string;

function s3Options(old: OldOptions, at: At): Members {
  const [id, secret] = [old.text(at('accesskey')), old.text(at('secretkey'))];
  const kmsKeyId = old.text(at('keyid')) || undefined;
  const encrypts = old.flag(at('encrypt')) === true;
  const storageClass = old.text(at('storageclass'))?.toUpperCase();
  const isKnown = storageClass !== undefined && storageClasses.includes(storageClass);
  if (storageClass !== undefined && storageClass !== 'NONE' && !isKnown) old.leave(at('storageclass'));
  return {
    bucket: old.text(at('bucket')) ?? '',
    prefix: prefixOf(old, at),
    region: old.text(at('region')),
    endpoint: endpointOf(old.text(at('regionendpoint')), old.flag(at('secure')) !== false),
    forcePathStyle: old.flag(at('forcepathstyle')),
    dualStack: old.flag(at('usedualstack')),
    fips: old.flag(at('usefipsendpoint')),
    accelerate: old.flag(at('accelerate')),
    credentials: id && secret ? { accessKeyId: id, secretAccessKey: secret } : undefined,
    storageClass: isKnown ? storageClass : undefined,
    serverSideEncryption: encrypts ? (kmsKeyId === undefined ? 'AES256' : 'aws:kms') : undefined,
    kmsKeyId: encrypts ? kmsKeyId : undefined,
    partSize: partSizeOf(old, at, 5 * MiB),
  };
}

const storageClasses = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'REDUCED_REDUNDANCY',
  'OUTPOSTS',
];

function gcsOptions(old: OldOptions, at: At): Members {
  const email = old.text(at('credentials.client_email'));
  const key = old.text(at('credentials.private_key'));
  const isGiven = email !== undefined && key !== undefined;
  if (isGiven) old.any(at('credentials'));
  const connections = old.number(at('maxconcurrency'));
  return {
    bucket: old.text(at('bucket')) ?? '',
    prefix: prefixOf(old, at),
    keyFile: old.text(at('keyfile')),
    credentials: isGiven ? { client_email: email, private_key: key } : undefined,
    partSize: partSizeOf(old, at, MiB),
    connections: connections === undefined ? undefined : Math.min(Math.max(connections, 8), 10_000),
  };
}

function azureOptions(old: OldOptions, at: At): Members {
  const type = old.text(at('credentials.type'));
  const account = old.text(at('accountname'));
  const realm = old.text(at('realm'));
  const [tenantId, clientId, clientSecret] = ['tenantid', 'clientid', 'secret'].map((name) =>
    old.text(at(`credentials.${name}`)),
  );
  return {
    account,
    container: old.text(at('container')) ?? '',
    prefix: prefixOf(old, at),
    endpoint:
      old.text(at('serviceurl')) ?? (realm === undefined ? undefined : `https://${account}.blob.${realm}`),
    accountKey: type === 'shared_key' || type === undefined ? old.text(at('accountkey')) : undefined,
    servicePrincipal: type === 'client_secret' ? { tenantId, clientId, clientSecret } : undefined,
  };
}

/** Begins with no slash and ends in one: then the keys of both registries lie side by side. */
function prefixOf(old: OldOptions, at: At): string | undefined {
  const folders = (old.text(at('rootdirectory')) ?? '').split('/').filter((each) => each !== '');
  return folders.length === 0 ? undefined : `${folders.join('/')}/`;
}

function partSizeOf(old: OldOptions, at: At, smallest: number): number | undefined {
  const size = old.number(at('chunksize'));
  return size === undefined ? undefined : Math.min(Math.max(size, smallest), 1024 * MiB);
}

function endpointOf(endpoint: string | undefined, isSecure: boolean): string | undefined {
  if (endpoint === undefined || /^https?:\/\//.test(endpoint)) return endpoint;
  return `${isSecure ? 'https' : 'http'}://${endpoint}`;
}
