/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case, each as often as it came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Whether it is to HEAD, and so has no body. */
  readonly isToHead: boolean;
}

const HEAD_END = '\r\n\r\n';
const STATUS_LINE = 'HTTP/1.1 ';

/** What a client has sent on a connection: the methods of its requests, and whether each certainly got an answer of its own. */
export interface Sent {
  readonly methods: readonly string[];
  readonly isClear: boolean;
}

/**
 * Reads all answers in what a server has sent on a connection. An answer to HEAD has no body whatever its headers say;
 * where a request may have swallowed the next one, any answer may be to HEAD if there was one. Interim answers are left
 * out.
 * @throws Error when the bytes are no answers, or the last one is cut.
 */
export function rawAnswers(received: Buffer, { methods, isClear }: Sent): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; at < received.length;) {
    const end = received.indexOf(HEAD_END, at);
    if (end === -1) throw new Error('an answer has no end of its head');
    const [line = '', ...fields] = received.toString('latin1', at, end).split('\r\n');
    const parts = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(line);
    if (parts === null) throw new Error(`this is no status line: ${JSON.stringify(line)}`);
    const status = Number(parts[1]);
    const headers = fields.map(headerOf);
    at = end + HEAD_END.length;
    if (status < 200) continue;
    const mayBeToHead = isClear ? methods[answers.length] === 'HEAD' : methods.includes('HEAD');
    // What turns out to be no HTTP is refused with a body whatever its first word was. An answer to a true HEAD may
    // close the connection, too: then comes nothing, or the refusal of what had been sent after it.
    const closes = headers.some(([name, value]) => name === 'connection' && value === 'close');
    const isOver =
      at === received.length || received.toString('latin1', at, at + STATUS_LINE.length) === STATUS_LINE;
    const isToHead = mayBeToHead && (isOver || (isClear && !closes));
    const isBodiless = status === 204 || status === 304 || isToHead;
    const length = isBodiless ? 0 : lengthOf(headers);
    if (at + length > received.length)
      throw new Error(`an answer announces ${length} bytes, ${received.length - at} came`);
    answers.push({ status, headers, body: received.subarray(at, at + length), isToHead });
    at += length;
  }
  return answers;
}

export function headerIn({ headers }: RawAnswer, wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}

function headerOf(field: string): readonly [string, string] {
  const parts = /^([a-z0-9-]+): ?([\x20-\x7e]*)$/i.exec(field);
  if (parts === null) throw new Error(`this is no header: ${JSON.stringify(field)}`);
  return [(parts[1] ?? '').toLowerCase(), (parts[2] ?? '').trim()];
}

/** The registry knows how long each of its answers is. */
function lengthOf(headers: RawAnswer['headers']): number {
  const lengths = headers.filter(([name]) => name === 'content-length');
  const [[, length] = ['', '']] = lengths;
  if (lengths.length !== 1 || !/^\d+$/.test(length)) throw new Error('an answer does not say how long it is');
  return Number(length);
}
