import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection that sends exactly what it is told, for what HTTP clients would not send. */
export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #changed = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#tell();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#tell();
    });
    // A reset is one of the ways in which the other side closes.
    socket.on('error', () => undefined);
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Sends the lines of a head, and an empty one. */
  head(...lines: readonly string[]): void {
    this.send(`${lines.join('\r\n')}\r\nHost: registry.example\r\n\r\n`);
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /**
   * Sends all of it and reads nothing meanwhile, as clients do that look for an answer only then. A reset would take
   * an answer away that has not been read. @throws Error when the other side closes before it has taken all.
   */
  async deliver(bytes: Uint8Array): Promise<void> {
    this.#socket.pause();
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    this.#socket.resume();
  }

  /** Sends no more; what has been sent arrives. */
  end(): void {
    this.#socket.end();
  }

  /** The next answer. That to HEAD has no body, whatever its length says. @throws Error when the connection ends. */
  async answer({ toHead = false } = {}): Promise<RawAnswer> {
    const head = await this.#until((bytes) => {
      const end = bytes.indexOf('\r\n\r\n');
      return end === -1 ? undefined : end + 4;
    });
    const [line = '', ...fields] = head.toString('latin1').trimEnd().split('\r\n');
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    const length = toHead ? 0 : Number(headers.get('content-length') ?? 0);
    const body = await this.#until((bytes) => (bytes.length >= length ? length : undefined));
    return { status: Number(line.split(' ')[1]), headers, body: body.toString() };
  }

  /** What has come that no answer was asked for. */
  get rest(): string {
    return this.#received.toString('latin1');
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#changed.promise;
  }

  /** Breaks off, whatever is under way. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes as many bytes as `lengthOf` says, once it knows. */
  async #until(lengthOf: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = lengthOf(this.#received);
      if (length !== undefined) {
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
      }
      if (this.#ended) throw new Error(`the connection ended after: ${this.rest}`);
      await this.#changed.promise;
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
