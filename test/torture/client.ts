import { Connections, Unanswered, type Answer, type Asked } from './http.ts';
import type { Gate } from './gate.ts';
import { digestOf, type Ledger, type RepositoryLedger } from './ledger.ts';
import type { Random } from './random.ts';
import type { Conclude } from './register.ts';
import type { Replicas } from './replicas.ts';
import type { BrokenUpload } from './uploads.ts';

export interface ClientParts {
  readonly name: string;
  readonly ledger: Ledger;
  readonly replicas: Replicas;
  readonly gate: Gate;
  readonly random: Random;
}

/** What a request that changes something expects, and what it changes. */
export interface Change {
  /**
   * Says so to the ledger when the request begins. Objects are taken from it only then: while the client has waited for
   * its turn, an audit may have forgotten one that was absent.
   */
  readonly begin: (from: number) => readonly Conclude[];
  /** The status of the answer that acknowledges it. */
  readonly done: number;
  /** Others that are right and change nothing. */
  readonly refusals?: readonly number[];
}

/** One client: asks, writes down what it has been told, and tells right answers from wrong ones. */
export class Client {
  readonly name: string;
  readonly ledger: Ledger;
  readonly random: Random;
  /** Repositories that no other client writes to. */
  readonly own: readonly [RepositoryLedger, RepositoryLedger];
  /** One that all write to. */
  readonly shared: RepositoryLedger;
  /** Uploads whose last answer was lost and that may go on later. */
  readonly broken: BrokenUpload[] = [];
  readonly #replicas: Replicas;
  readonly #gate: Gate;
  readonly #connections = new Connections();

  constructor({ name, ledger, replicas, gate, random }: ClientParts) {
    this.name = name;
    this.ledger = ledger;
    this.random = random;
    this.own = [ledger.repository(`torture/${name}`), ledger.repository(`torture/${name}-mounts`)];
    this.shared = ledger.repository('torture/shared');
    this.#replicas = replicas;
    this.#gate = gate;
  }

  /**
   * Asks any of the replicas. The answer belongs into the history of `object`.
   * @throws Unanswered
   */
  ask(object: string, asked: Asked): Promise<Answer> {
    return this.#gate.pass(() => this.askNow(object, asked));
  }

  /** As {@link ask}, while the gate is closed: for looking at what is there. @throws Unanswered */
  async askNow(object: string, asked: Asked, replica = this.#replicas.some(this.random)): Promise<Answer> {
    const { ledger } = this;
    const began = performance.now();
    const what = `${this.name} → ${replica.name} ${asked.method} ${asked.path}`;
    ledger.requests += 1;
    try {
      const answer = await this.#connections.ask(replica.port, asked);
      ledger.note(object, `${what} ${answer.status}`);
      if (answer.status >= 500) {
        ledger.found(
          'wrong',
          object,
          `${asked.method} is answered with ${answer.status}: ${String(answer.body)}`,
        );
      }
      return answer;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      ledger.note(object, `${what} ${error.isUnsent ? 'refused' : 'unanswered'}: ${error.message}`);
      ledger.unanswered += 1;
      const isExplained = asked.breakAfter !== undefined || (await this.#replicas.hasDiedSince(began));
      if (!isExplained)
        ledger.found('wrong', object, `nobody has died, and it is not answered: ${error.message}`);
      throw error;
    }
  }

  /**
   * Asks for a change. Whatever becomes of it is written down.
   * @throws Unanswered
   */
  change(object: string, asked: Asked, change: Change): Promise<Answer> {
    return this.#gate.pass(() => this.#changeNow(object, asked, change));
  }

  async #changeNow(object: string, asked: Asked, { begin, done, refusals = [] }: Change): Promise<Answer> {
    const { ledger } = this;
    const changes = begin(ledger.next());
    try {
      const answer = await this.askNow(object, asked);
      ledger.conclude(changes, answer.status === done ? 'acknowledged' : 'refused');
      if (answer.status === done) ledger.acknowledged += 1;
      else if (!refusals.includes(answer.status) && answer.status < 500) {
        const body = String(answer.body).slice(0, 300);
        ledger.found('wrong', object, `${asked.method} is answered with ${answer.status}: ${body}`);
      }
      return answer;
    } catch (error) {
      ledger.conclude(changes, error instanceof Unanswered && error.isUnsent ? 'refused' : 'lost');
      throw error;
    }
  }

  /** Holds the body of a 200 against the digest it has to have. */
  expectDigest(object: string, { headers, body }: Answer, digest: string): void {
    const actual = digestOf(body, digest.slice(0, digest.indexOf(':')));
    if (actual !== digest) {
      this.ledger.found('wrong', object, `a 200 has ${body.length} bytes with the digest ${actual}`);
    }
    const length = Number(headers['content-length'] ?? body.length);
    if (length !== body.length) {
      this.ledger.found('wrong', object, `a 200 announces ${length} bytes and has ${body.length}`);
    }
  }

  close(): void {
    this.#connections.close();
  }
}
