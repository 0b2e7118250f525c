import {
  ClientSecretCredential,
  DefaultAzureCredential,
  ManagedIdentityCredential,
  type TokenCredential,
} from '@azure/identity';
import {
  AnonymousCredential,
  ContainerClient,
  StorageOAuthScopes,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { Options } from '../options.ts';

/** Where the container is, and how requests to it are allowed. */
export interface Access {
  /** URL of the container; with its signature, if it is a signature that allows. */
  readonly url: string;
  readonly credential: StorageSharedKeyCredential | AnonymousCredential | TokenCredential;
  /** For the log: what kind of credentials these are, and for an identity who it is. Asks Microsoft Entra ID for that. */
  source(): Promise<string>;
}

/** Does no I/O. */
export function accessOf(options: Options): Access {
  const { container, connectionString, account, accountKey, sasToken, servicePrincipal } = options;
  if (connectionString !== undefined) {
    const { url, credential } = new ContainerClient(connectionString, container);
    return { url, credential, source: async () => 'connectionString' };
  }
  const endpoint = options.endpoint ?? `https://${account ?? ''}.blob.core.windows.net`;
  const url = `${endpoint.replace(/\/+$/, '')}/${container}`;
  if (account !== undefined && accountKey !== undefined) {
    const credential = new StorageSharedKeyCredential(account, accountKey);
    return { url, credential, source: async () => 'accountKey' };
  }
  if (sasToken !== undefined) {
    const signed = `${url}?${sasToken.replace(/^\?/, '')}`;
    return { url: signed, credential: new AnonymousCredential(), source: async () => 'sasToken' };
  }
  if (servicePrincipal !== undefined) {
    const { tenantId, clientId, clientSecret } = servicePrincipal;
    return withIdentity(
      url,
      'servicePrincipal',
      new ClientSecretCredential(tenantId, clientId, clientSecret),
    );
  }
  if (options.managedIdentityClientId !== undefined) {
    const credential = new ManagedIdentityCredential({ clientId: options.managedIdentityClientId });
    return withIdentity(url, 'ManagedIdentityCredential', credential);
  }
  return withIdentity(url, 'DefaultAzureCredential', new DefaultAzureCredential());
}

function withIdentity(url: string, name: string, credential: TokenCredential): Access {
  return {
    url,
    credential,
    async source() {
      const token = await credential.getToken(StorageOAuthScopes);
      return `${name} (${identityIn(token?.token ?? '')})`;
    },
  };
}

/** Who a token was issued to: the application, or else the object it stands for. Nothing is decided by it. */
function identityIn(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    for (const name of ['appid', 'azp', 'oid']) {
      const value: unknown = typeof claims === 'object' && claims !== null ? Reflect.get(claims, name) : '';
      if (typeof value === 'string' && value !== '') return `${name} ${value}`;
    }
  } catch {
    // Tokens are opaque to whom they are not meant for: one that is no JWT is as good.
  }
  return 'identity not named in the token';
}
