import { createHash, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';

/** What a key file of a service account says, as far as anybody needs it. */
export interface AccountKey {
  readonly client_email: string;
  readonly private_key: string;
}

/** A service account whose signatures are known ("V4 signing process with your own program", Cloud Storage). */
export class SigningAccount {
  readonly key: AccountKey;
  readonly #publicKey: KeyObject;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    this.key = { client_email: 'registry@project.iam.gserviceaccount.com', private_key: pem };
    this.#publicKey = publicKey;
  }

  /** Whether a request was signed by this account, for this URL and no other, and for a time that is not over. */
  allows({ method, url, host }: { method: string; url: string; host: string }): boolean {
    const [path = '', query = ''] = url.split('?');
    const { searchParams } = new URL(url, `http://${host}`);
    const [email, ...scope] = (searchParams.get('X-Goog-Credential') ?? '').split('/');
    const date = searchParams.get('X-Goog-Date') ?? '';
    const began = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    const seconds = Number(searchParams.get('X-Goog-Expires'));
    if (searchParams.get('X-Goog-Algorithm') !== 'GOOG4-RSA-SHA256') return false;
    if (searchParams.get('X-Goog-SignedHeaders') !== 'host' || email !== this.key.client_email) return false;
    if (!(seconds > 0 && seconds <= 7 * 24 * 3600 && Date.now() < began + seconds * 1000)) return false;
    // The client library signs the host without its port: Google has none.
    const name = host.replace(/:\d+$/, '');
    const parameters = query.split('&').filter((parameter) => !parameter.startsWith('X-Goog-Signature='));
    const canonical = [
      method,
      path,
      parameters.sort().join('&'),
      `host:${name}`,
      '',
      'host',
      'UNSIGNED-PAYLOAD',
    ];
    const hash = createHash('sha256').update(canonical.join('\n')).digest('hex');
    const text = ['GOOG4-RSA-SHA256', date, scope.join('/'), hash].join('\n');
    const signature = Buffer.from(searchParams.get('X-Goog-Signature') ?? '', 'hex');
    return verify('RSA-SHA256', Buffer.from(text), this.#publicKey, signature);
  }
}
