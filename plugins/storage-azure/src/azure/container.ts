import {
  AnonymousCredential,
  BlobServiceClient,
  ContainerClient,
  newPipeline,
  StorageSharedKeyCredential,
  type BlockBlobClient,
  type Pipeline,
} from '@azure/storage-blob';
import { StorageError, type Logger } from '@entrepot/plugin-sdk';
import { Requests, RetryBudget } from '@entrepot/plugin-sdk/buckets';
import { BlobNames } from '../blob-names.ts';
import type { Options } from '../options.ts';
import { Connections } from './connections.ts';
import { accessOf, type Access } from './credentials.ts';
import { backend, type Outcome } from './outcomes.ts';
import { DelegationKeys, Signatures } from './signatures.ts';

/** A health check has to answer within 5 s, and one unlucky answer does not make a backend sick. */
const HEALTH_CHECK = { attempts: 2, patience: 2_000 };

/**
 * The connection to one container. The Azure SDK signs, sends and parses; retries and time limits are those of
 * {@link Requests}, because it is there that a lost answer has to be remembered. No file outside this folder knows the
 * SDK.
 */
export class Container {
  readonly name: string;
  readonly names: BlobNames;
  readonly requests: Requests<Outcome>;
  /** Milliseconds an attempt may go without progress. */
  readonly patience: number;
  readonly calls: ContainerClient;

  /** Large objects are read over connections of their own: slow readers never keep other requests waiting. */
  readonly #reads: ContainerClient;
  readonly #access: Access;
  readonly #signatures: Signatures | undefined;
  readonly #pools: readonly Connections[];

  /** Does no I/O. */
  constructor(options: Options, log: Logger) {
    const { container, prefix, connections, timeout, maxAttempts } = options;
    this.name = container;
    this.names = new BlobNames(prefix);
    this.patience = timeout * 1000;
    this.#access = accessOf(options);
    const [calls, reads] = [new Connections(connections), new Connections(connections)];
    this.#pools = [calls, reads];
    this.calls = this.#client(calls);
    this.#reads = this.#client(reads);
    this.#signatures = this.#signaturesFor(this.#access, calls);
    this.requests = new Requests(backend, {
      attempts: maxAttempts,
      patience: this.patience,
      budget: new RetryBudget(),
      onRetry: (what, outcome, error) =>
        log.debug({ err: error, outcome }, `Azure did not ${what}; trying again`),
      random: Math.random,
    });
  }

  blob(key: string): BlockBlobClient {
    return this.calls.getBlockBlobClient(this.names.nameOf(key));
  }

  blobToRead(key: string): BlockBlobClient {
    return this.#reads.getBlockBlobClient(this.names.nameOf(key));
  }

  /** A URL that lets anybody GET the blob for so many seconds; `undefined` when the credentials cannot sign. */
  async sign(key: string, seconds: number): Promise<string | undefined> {
    const { url, name } = this.blob(key);
    const signature = await this.#signatures?.sign(name, seconds);
    return signature === undefined ? undefined : `${url}?${signature}`;
  }

  /** @throws StorageError when the container cannot be reached right now. */
  async reach(): Promise<void> {
    await this.requests.send(
      `find the container ${this.name}`,
      ({ signal }) => this.calls.getProperties({ abortSignal: signal }),
      HEALTH_CHECK,
    );
  }

  /** For the log: where the credentials come from. */
  credentialSource(): Promise<string> {
    return this.#access.source();
  }

  close(): void {
    for (const pool of this.#pools) pool.close();
  }

  #signaturesFor({ url, credential }: Access, calls: Connections): Signatures | undefined {
    const place = {
      account: this.calls.accountName,
      container: this.name,
      isPrivate: url.startsWith('https:'),
    };
    if (credential instanceof StorageSharedKeyCredential)
      return new Signatures(place, async () => credential);
    // A signature that was given is the operator's own, and cannot make others.
    if (credential instanceof AnonymousCredential) return undefined;
    const account = new BlobServiceClient(new URL('.', url).href, this.#pipeline(calls));
    const keys = new DelegationKeys((from, until) => account.getUserDelegationKey(from, until));
    return new Signatures(place, (until) => keys.valid(until));
  }

  #client(connections: Connections): ContainerClient {
    return new ContainerClient(this.#access.url, this.#pipeline(connections));
  }

  #pipeline(connections: Connections): Pipeline {
    const pipeline = newPipeline(this.#access.credential, { retryOptions: { maxTries: 1 } });
    pipeline.factories.push({
      create: (next) => ({
        sendRequest(request) {
          // A proxy of the environment comes with an agent of its own.
          request.agent ??= connections.agentFor(request.url);
          return next.sendRequest(request);
        },
      }),
    });
    return pipeline;
  }
}

/** What an answer has to have. @throws StorageError when it has not. */
export function given<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new StorageError('UNAVAILABLE', `Azure answered without ${name}`);
  return value;
}
