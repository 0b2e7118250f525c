import {
  HeadBucketCommand,
  S3Client,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { StorageError, type Logger } from '@entrepot/plugin-sdk';
import { Requests, RetryBudget } from '@entrepot/plugin-sdk/buckets';
import type { Options } from '../options.ts';
import { Connections } from './connections.ts';
import { backend, type Outcome } from './outcomes.ts';

/** Milliseconds after which nothing is tried again: core waits for a minute. */
const DEADLINE = 40_000;
/** Milliseconds a health check may take. */
const HEALTH_CHECK = 4_000;
/** Bytes the SDK gathers of a stream before it cuts a chunk with a checksum; S3 wants 8 KiB at least. */
const CHUNK = 64 * 1024;

/** In what backends differ. */
export interface Abilities {
  /** An etag in a condition has to come without its quotes: radosgw up to 19 takes them for a part of it. */
  readonly bareEtags: boolean;
  /** DELETE heeds If-Match, as Amazon's does. */
  readonly conditionalDeletes: boolean;
}

/**
 * The connection to one bucket. The AWS SDK signs, sends and parses; retries and time limits are those of
 * {@link Requests}, because it is there that a lost answer has to be remembered. No file outside this folder knows the
 * SDK.
 */
export class S3 {
  readonly bucket: string;
  /** What every key begins with. */
  readonly prefix: string;
  readonly requests: Requests<Outcome>;
  /** Milliseconds an attempt may go without progress. */
  readonly patience: number;
  readonly calls: S3Client;
  readonly connections: Connections;
  /** Large objects are read over connections of their own: slow readers never keep other requests waiting. */
  readonly reads: S3Client;
  /** Whether checksums travel with all bytes. */
  readonly sendsChecksums: boolean;
  /** Goes with every new object. */
  readonly encryption: Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'>;
  /** Goes with every new object that is not small. */
  readonly storageClass: Pick<PutObjectCommandInput, 'StorageClass'>;
  /** What the {@link probe} has found. Until then it is what works with every backend. */
  abilities: Abilities = { bareEtags: false, conditionalDeletes: false };

  readonly #readConnections: Connections;
  readonly #dates = new WeakMap<object, number>();

  /** Does no I/O. */
  constructor(options: Options, log: Logger) {
    const { bucket, prefix, endpoint, connections, timeout, maxAttempts } = options;
    const { storageClass, serverSideEncryption, kmsKeyId } = options;
    this.bucket = bucket;
    this.prefix = prefix;
    this.patience = timeout * 1000;
    this.sendsChecksums = (options.checksums ?? (endpoint ? 'required' : 'supported')) === 'supported';
    this.encryption = {
      ...(serverSideEncryption ? { ServerSideEncryption: serverSideEncryption } : {}),
      ...(kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
    };
    this.storageClass = storageClass ? { StorageClass: storageClass } : {};
    this.connections = new Connections(connections);
    this.#readConnections = new Connections(connections);

    const settings = settingsOf(options, this.sendsChecksums);
    this.calls = new S3Client({ ...settings, requestHandler: this.connections.handler });
    this.calls.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const date = dateOf(result.response);
        if (date !== undefined) this.#dates.set(result.output, date);
        return result;
      },
      { step: 'initialize', name: 'keepDate' },
    );
    const { credentials, region } = this.calls.config;
    this.reads = new S3Client({
      ...settings,
      credentials,
      region,
      // Clients check what they pull against its digest.
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: this.#readConnections.handler,
    });
    this.requests = new Requests(backend, {
      attempts: maxAttempts,
      patience: this.patience,
      deadline: DEADLINE,
      budget: new RetryBudget(),
      renewCredentials: () => credentials({ forceRefresh: true }),
      onRetry: (what, outcome, error) =>
        log.debug({ err: error, outcome }, `S3 did not ${what}; trying again`),
      random: Math.random,
    });
  }

  at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }

  /** An etag as this backend wants it in a condition. */
  quoted(etag: string): string {
    return this.abilities.bareEtags ? etag.replaceAll('"', '') : etag;
  }

  /** When the backend answered, by its own clock; milliseconds. */
  answeredAt(output: object): number {
    return given(this.#dates.get(output), 'Date');
  }

  /** @throws StorageError when the bucket cannot be reached right now. One attempt. */
  async reach(): Promise<void> {
    await this.requests.send(
      `find the bucket ${this.bucket}`,
      ({ signal }) =>
        this.calls.send(new HeadBucketCommand({ Bucket: this.bucket }), { abortSignal: signal }),
      { attempts: 1, patience: HEALTH_CHECK },
    );
  }

  /** Where the credentials come from, as the SDK calls it: `CREDENTIALS_ENV_VARS`, for instance. */
  async credentialSource(): Promise<string> {
    const source: unknown = Reflect.get(await this.calls.config.credentials(), '$source');
    return typeof source === 'object' && source !== null ? Object.keys(source).join(', ') : 'unknown';
  }

  close(): void {
    this.calls.destroy();
    this.reads.destroy();
    this.connections.close();
    this.#readConnections.close();
  }
}

/** What an answer has to have. @throws StorageError when it has not. */
export function given<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new StorageError('UNAVAILABLE', `S3 answered without ${name}`);
  return value;
}

const silent = (): void => undefined;

function settingsOf(options: Options, sendsChecksums: boolean): S3ClientConfig {
  const { endpoint, region, forcePathStyle, credentials, profile, dualStack, fips, accelerate } = options;
  const checksums = sendsChecksums ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  return {
    ...(endpoint ? { endpoint } : {}),
    ...(region ? { region } : endpoint && !profile ? { region: 'us-east-1' } : {}),
    ...(profile ? { profile } : {}),
    ...(credentials ? { credentials: keysOf(credentials) } : {}),
    forcePathStyle: forcePathStyle ?? Boolean(endpoint),
    ...(dualStack ? { useDualstackEndpoint: true } : {}),
    ...(fips ? { useFipsEndpoint: true } : {}),
    ...(accelerate ? { useAccelerateEndpoint: true } : {}),
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    requestStreamBufferSize: CHUNK,
    // A round trip before each body buys nothing: what is refused early is sent again anyway.
    expectContinueHeader: false,
    maxAttempts: 1,
    logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
  };
}

function keysOf({ accessKeyId, secretAccessKey, sessionToken }: NonNullable<Options['credentials']>): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

/** The Date header of an answer. */
function dateOf(response: unknown): number | undefined {
  const headers: unknown =
    typeof response === 'object' && response !== null ? Reflect.get(response, 'headers') : undefined;
  const date: unknown =
    typeof headers === 'object' && headers !== null ? Reflect.get(headers, 'date') : undefined;
  const time = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
