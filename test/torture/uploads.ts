import type { Client } from './client.ts';
import { Unanswered, type Answer } from './http.ts';
import type { Content, RepositoryLedger } from './ledger.ts';

/** An upload that has been interrupted. */
export interface BrokenUpload {
  readonly repository: RepositoryLedger;
  readonly content: Content;
  readonly location: string;
  /** Bytes that have been acknowledged. */
  readonly acknowledged: number;
  /** Bytes that have been sent, and may be kept. */
  readonly sent: number;
  /** Whether its end has been asked for: then it may be over, and its id is as good as new. */
  readonly isEnding: boolean;
  /** When; see `performance.now`. */
  readonly at: number;
}

/** A process that has died may hold the claim on a session for so long; milliseconds. */
const CLAIM = 62_000;
const CHUNK = 700_000;

const shapes = ['post', 'put', 'stream', 'chunks', 'broken'] as const;
type Shape = (typeof shapes)[number];

/**
 * Pushes a blob, in one of the ways clients have. When an answer is lost it goes on from where the registry says, if it
 * can; otherwise it is left to {@link resume}.
 * @throws Unanswered
 */
export async function upload(client: Client, repository: RepositoryLedger, content: Content): Promise<void> {
  const shape = client.random.pick<Shape>(shapes);
  if (shape === 'post') return postWhole(client, repository, content);
  const location = await begin(client, repository, content);
  if (location === undefined) return;
  await new Sender(client, { repository, content, location }).send(shape);
}

/** Goes on with an upload that has been interrupted long enough ago. Whether there is one. @throws Unanswered */
export async function resume(client: Client): Promise<boolean> {
  const index = client.broken.findIndex(({ at }) => performance.now() - at > CLAIM);
  const [broken] = index === -1 ? [] : client.broken.splice(index, 1);
  if (broken === undefined) return false;
  await new Sender(client, broken).goOn(broken);
  return true;
}

/** Whether an upload that has been interrupted is where it has to be: at an offset that makes sense, or unknown. */
export async function checkBroken(client: Client, broken: BrokenUpload): Promise<void> {
  const object = blobPath(broken.repository, broken.content.digest);
  const answer = await client.askNow(object, { method: 'GET', path: broken.location });
  offsetOf(client, broken, answer);
}

function postWhole(client: Client, repository: RepositoryLedger, { bytes, digest }: Content): Promise<void> {
  const path = `/v2/${repository.name}/blobs/uploads/?digest=${digest}`;
  return finish(client, repository, { bytes, digest }, { method: 'POST', path, body: bytes }).then(
    () => undefined,
  );
}

async function begin(
  client: Client,
  repository: RepositoryLedger,
  { digest }: Content,
): Promise<string | undefined> {
  const object = blobPath(repository, digest);
  const algorithm = digest.startsWith('sha512') ? '?digest-algorithm=sha512' : '';
  const path = `/v2/${repository.name}/blobs/uploads/${algorithm}`;
  const { status, headers } = await client.ask(object, { method: 'POST', path });
  if (status === 202 && headers.location !== undefined) return headers.location;
  if (status < 500) client.ledger.found('wrong', object, `an upload begins with ${status}`);
  return undefined;
}

/** The request that makes bytes a blob. Gives the answer. @throws Unanswered */
async function finish(
  client: Client,
  repository: RepositoryLedger,
  { bytes, digest }: Content,
  asked: Parameters<Client['change']>[1],
  refusals: readonly number[] = [],
): Promise<Answer> {
  return client.change(blobPath(repository, digest), asked, {
    begin: (from) => [repository.blob({ bytes, digest }).there.change(true, from)],
    done: 201,
    refusals,
  });
}

/** One session, from its first byte to its last. */
class Sender {
  readonly #client: Client;
  readonly #repository: RepositoryLedger;
  readonly #content: Content;
  readonly #location: string;
  readonly #object: string;
  #acknowledged = 0;
  #sent = 0;
  #isEnding = false;

  constructor(client: Client, upload: Pick<BrokenUpload, 'repository' | 'content' | 'location'>) {
    this.#client = client;
    this.#repository = upload.repository;
    this.#content = upload.content;
    this.#location = upload.location;
    this.#object = blobPath(upload.repository, upload.content.digest);
  }

  /** @throws Unanswered, when the upload cannot go on now */
  async send(shape: Exclude<Shape, 'post'>): Promise<void> {
    const { length } = this.#content.bytes;
    try {
      if (shape === 'stream') await this.#patch(length, { isStreamed: true });
      if (shape === 'chunks' || shape === 'broken') {
        const last = this.#client.random.chance(0.5) ? length : length - 1;
        for (let end = CHUNK; this.#acknowledged < last; end += CHUNK) {
          const isBroken = shape === 'broken' && this.#client.random.chance(0.5);
          const went = isBroken
            ? await this.#break(Math.min(end, last))
            : await this.#patch(Math.min(end, last));
          if (!went) return;
        }
      }
      await this.#put();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      await this.goOn(this.#state());
    }
  }

  /** After an interruption: asks how far the registry has come, and sends the rest. @throws Unanswered */
  async goOn({ acknowledged, sent, isEnding }: BrokenUpload): Promise<void> {
    const { ledger, broken } = this.#client;
    this.#acknowledged = acknowledged;
    this.#sent = sent;
    this.#isEnding = isEnding;
    try {
      const answer = await this.#client.ask(this.#object, { method: 'GET', path: this.#location });
      const offset = offsetOf(this.#client, this.#state(), answer);
      if (offset === undefined) {
        ledger.restarted += 1;
        return;
      }
      this.#acknowledged = offset;
      if (await this.#put()) ledger.resumed += 1;
      else broken.push(this.#state());
    } catch (error) {
      broken.push(this.#state());
      throw error;
    }
  }

  #state(): BrokenUpload {
    return {
      repository: this.#repository,
      content: this.#content,
      location: this.#location,
      acknowledged: this.#acknowledged,
      sent: this.#sent,
      isEnding: this.#isEnding,
      at: performance.now(),
    };
  }

  /** Sends bytes up to `end`. Whether they have been taken. */
  async #patch(end: number, { isStreamed = false } = {}): Promise<boolean> {
    const { bytes } = this.#content;
    const from = this.#acknowledged;
    this.#sent = Math.max(this.#sent, end);
    const { status, headers } = await this.#client.ask(this.#object, {
      method: 'PATCH',
      path: this.#location,
      body: bytes.subarray(from, end),
      isStreamed,
      headers: isStreamed ? {} : { 'content-range': `${from}-${end - 1}` },
    });
    if (status !== 202) {
      // What another request has left of it is still being put away, or its claim.
      if (status !== 416 && status !== 404 && status < 500)
        this.#client.ledger.found('wrong', this.#object, `PATCH is answered with ${status}`);
      return false;
    }
    this.#acknowledged = end;
    if (headers.range !== `0-${Math.max(0, end - 1)}`)
      this.#client.ledger.found('wrong', this.#object, `after ${end} bytes the range is ${headers.range}`);
    return true;
  }

  /** Breaks a chunk off and goes on from where the registry says. Whether it could. */
  async #break(end: number): Promise<boolean> {
    const { bytes } = this.#content;
    const from = this.#acknowledged;
    const body = bytes.subarray(from, end);
    const breakAfter = Math.ceil(this.#client.random.next() * body.length * 0.9);
    this.#sent = Math.max(this.#sent, from + breakAfter);
    try {
      await this.#client.ask(this.#object, { method: 'PATCH', path: this.#location, body, breakAfter });
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
    const answer = await this.#client.ask(this.#object, { method: 'GET', path: this.#location });
    const offset = offsetOf(this.#client, this.#state(), answer);
    if (offset === undefined) return false;
    this.#acknowledged = offset;
    // More may be put away while we speak: then this is refused, and nothing has changed.
    return this.#patch(end);
  }

  /** Sends the rest and closes the session. Whether the blob is there. */
  async #put(): Promise<boolean> {
    const { bytes, digest } = this.#content;
    const from = this.#acknowledged;
    const body = bytes.subarray(from);
    const headers = body.length === 0 ? {} : { 'content-range': `${from}-${bytes.length - 1}` };
    const path = `${this.#location}${this.#location.includes('?') ? '&' : '?'}digest=${digest}`;
    this.#sent = bytes.length;
    this.#isEnding = true;
    const asked = { method: 'PUT', path, body, headers };
    const { status } = await finish(this.#client, this.#repository, this.#content, asked, [416, 404]);
    return status === 201;
  }
}

/** What the answer to a GET of an upload says of its offset; `undefined` when it is unknown. */
function offsetOf({ ledger }: Client, upload: BrokenUpload, { status, headers }: Answer): number | undefined {
  const { repository, content, acknowledged, sent, isEnding } = upload;
  const object = blobPath(repository, content.digest);
  if (status === 404) {
    if (acknowledged > 0 && !isEnding)
      ledger.found('lost', object, `${acknowledged} bytes of an upload were acknowledged, and it is unknown`);
    return undefined;
  }
  const last = /^0-(\d+)$/.exec(headers.range ?? '')?.[1];
  if (status !== 204 || last === undefined) {
    if (status < 500) ledger.found('wrong', object, `the state of an upload is ${status} ${headers.range}`);
    return undefined;
  }
  // `0-0` is said of no byte and of one.
  const offset = last === '0' ? Math.min(acknowledged, 1) : Number(last) + 1;
  if (offset > sent)
    ledger.found('wrong', object, `${sent} bytes of an upload were sent, and ${offset} are held`);
  if (offset < acknowledged && !isEnding)
    ledger.found(
      'lost',
      object,
      `${acknowledged} bytes of an upload were acknowledged, and ${offset} are held`,
    );
  return offset;
}

export function blobPath({ name }: RepositoryLedger, digest: string): string {
  return `${name}/blobs/${digest}`;
}
