import { digestOf, types } from '../oci/content.ts';
import type { Dice } from './dice.ts';
import { OddNames, type Known } from './odd-names.ts';

/** What a client sends on one connection. */
export interface OddRequest {
  readonly bytes: Buffer;
  /** Methods of the requests in it, in order. */
  readonly methods: readonly string[];
  /** Whether HTTP leaves no doubt about where each request in it ends, so that each has to be answered. */
  readonly isClear: boolean;
}

/** The repository that no request is about, except those hidden in bodies, which nobody may run. */
export const canary = { repository: 'canary', tag: 'v1' } as const;

const hidden =
  `DELETE /v2/${canary.repository}/manifests/${canary.tag} HTTP/1.1\r\nHost: a\r\n\r\n` +
  `POST /v2/smuggled/blobs/uploads/?digest=${digestOf('a')} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na`;

const methods = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
const oddMethods = ['OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT', 'M-SEARCH', 'PURGE', 'get', 'G', ''] as const;

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

interface Framed {
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly isClear: boolean;
}

/** Makes requests as bad clients, broken proxies and attackers send them. */
export class OddRequests {
  readonly #dice: Dice;
  readonly #names: OddNames;

  constructor(dice: Dice, known: Known) {
    this.#dice = dice;
    this.#names = new OddNames(dice, known);
  }

  /** One request, or several in a row. */
  next(): OddRequest {
    const count = this.#dice.chance(0.15) ? 2 + this.#dice.below(4) : 1;
    const parts = Array.from({ length: count }, () => this.#one());
    const areClear = parts.every(({ isClear }) => isClear);
    // A request that ends where nobody can tell may well lead right up to the one that is hidden in the next.
    const [first] = parts;
    const kept = first !== undefined && !areClear && parts.some(hidesRequest) ? [first] : parts;
    const request = {
      bytes: Buffer.concat(kept.map(({ bytes }) => bytes)),
      methods: kept.flatMap((part) => part.methods),
      isClear: areClear,
    };
    if (hidesRequest(request) || !this.#dice.chance(0.1)) return request;
    return { ...request, bytes: this.#mutated(request.bytes), isClear: false };
  }

  /** One request with nothing wrong about its framing and headers, as HTTP libraries send it. */
  proper(): { method: string; path: string; headers: Record<string, string>; body: Buffer } {
    const { method, target, headers, body } = this.#dice.chance(0.5) ? this.#plausible() : this.#odd();
    const proper = headers.filter(isProper).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const path = encodeURI(target).replaceAll('%25', '%');
    const known = methods.find((each) => each === method) ?? 'GET';
    return { method: known, path, headers: Object.fromEntries(proper), body };
  }

  #one(): OddRequest {
    const dice = this.#dice;
    const { method, target, headers, body } = dice.chance(0.4) ? this.#plausible() : this.#odd();
    const framed = this.#framed(body, method);
    const version = dice.chance(0.97)
      ? 'HTTP/1.1'
      : dice.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', '']);
    const host = dice.chance(0.98)
      ? ['Host: registry.example']
      : dice.pick([[], ['Host: a', 'Host: b'], ['Host:']]);
    const line = `${method} ${target} ${version}`;
    const lines = [line, ...shuffled(dice, [...host, ...headers, ...framed.headers])];
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    return {
      bytes: Buffer.concat([head, framed.body]),
      methods: [method],
      isClear:
        framed.isClear &&
        head.length < 15_000 &&
        host.length === 1 &&
        /^(?!CONNECT)[A-Z-]+ [\x21-\x7e]+ HTTP\/1\.1$/.test(line) &&
        headers.every(isProper),
    };
  }

  /** A request that makes sense, or would but for a little. */
  #plausible(): Asked {
    const dice = this.#dice;
    const names = this.#names;
    const repository = names.repository();
    const bytes = dice.bytes(dice.length(3_000));
    const manifest = Buffer.from(
      `{"schemaVersion":2,"mediaType":"${types.manifest}","layers":[],"annotations":{"n":"${dice.below(1_000_000)}"}}`,
    );
    const digestOfSome = (of: Buffer): string => (dice.chance(0.9) ? digestOf(of) : names.digest());
    const asked = dice.oneOf<Omit<Asked, 'headers'> & { readonly headers?: readonly string[] }>(
      () => ({
        method: 'POST',
        target: `/v2/${repository}/blobs/uploads/?digest=${digestOfSome(bytes)}`,
        body: bytes,
      }),
      () => ({ method: 'POST', target: `/v2/${repository}/blobs/uploads/`, body: Buffer.alloc(0) }),
      () => ({ method: 'PATCH', target: names.upload(), body: bytes }),
      () => ({ method: 'PUT', target: `${names.upload()}?digest=${digestOfSome(bytes)}`, body: bytes }),
      () => ({
        method: 'PUT',
        target: `/v2/${repository}/manifests/${dice.chance(0.5) ? names.tag() : digestOfSome(manifest)}`,
        headers: [`Content-Type: ${types.manifest}`],
        body: manifest,
      }),
      () => ({
        method: dice.pick(['GET', 'HEAD']),
        target: `/v2/${repository}/blobs/${names.digest()}`,
        headers: dice.chance(0.7) ? [`Range: bytes=${dice.length(110_000)}-${dice.below(110_000)}`] : [],
        body: Buffer.alloc(0),
      }),
      () => ({
        method: dice.pick(['GET', 'HEAD', 'DELETE']),
        target: `/v2/${repository}/manifests/${dice.chance(0.5) ? names.tag() : names.digest()}`,
        body: Buffer.alloc(0),
      }),
      () => ({ method: dice.pick(['GET', 'DELETE']), target: names.upload(), body: Buffer.alloc(0) }),
      () => ({
        method: 'GET',
        target: `/v2/${repository}/${dice.pick(['tags/list', `referrers/${digestOf('')}`])}?n=${dice.below(3)}`,
        body: Buffer.alloc(0),
      }),
    );
    // A manifest may have 4 MiB. So many bytes are sent now and then only.
    if (dice.chance(0.002))
      return { ...asked, headers: [], body: Buffer.alloc(4 * 1024 * 1024 + dice.below(2), ' ') };
    return { ...asked, headers: [...(asked.headers ?? []), ...(dice.chance(0.3) ? this.#headers() : [])] };
  }

  #odd(): Asked {
    const method = this.#dice.chance(0.92) ? this.#dice.pick(methods) : this.#dice.pick(oddMethods);
    return { method, target: this.#target(method), headers: this.#headers(), body: this.#body(method) };
  }

  #target(method: string): string {
    const dice = this.#dice;
    const names = this.#names;
    const path = dice.oneOf<string>(
      () => `/v2/${names.repository()}/manifests/${dice.chance(0.6) ? names.tag() : names.digest()}`,
      () => `/v2/${names.repository()}/blobs/${names.digest()}`,
      () => `/v2/${names.repository()}/blobs/uploads/`,
      () => names.upload(),
      () => names.upload(),
      () => `/v2/${names.repository()}/tags/list`,
      () => `/v2/${names.repository()}/referrers/${names.digest()}`,
      () => dice.pick(['/v2/', '/v2', '/v2/_catalog', '/v2/_catalog/', '/livez', '/readyz', '/', '*', '']),
      () => `/v2/${names.odd()}`,
      () => `/${names.odd()}`,
      () => `http://registry.example/v2/${names.repository()}/tags/list`,
      () => `//v2//${names.odd()}`,
    );
    return `${path}${dice.chance(method === 'GET' ? 0.4 : 0.6) ? this.#query() : ''}`;
  }

  #query(): string {
    const dice = this.#dice;
    const names = this.#names;
    const pair = (): string =>
      dice.oneOf<string>(
        () => `digest=${names.digest()}`,
        () => `digest=${names.digest()}`,
        () => `mount=${names.digest()}&from=${names.repository()}`,
        () => `n=${dice.pick(['0', '1', '5', '-1', '1e3', '9'.repeat(400), '', 'NaN', '0x1', '１', '1.5'])}`,
        () => `last=${dice.chance(0.5) ? names.tag() : names.digest()}`,
        () => `tag=${names.tag()}`,
        () => `artifactType=${dice.chance(0.5) ? types.config : names.odd()}`,
        () => `digest-algorithm=${dice.pick(['sha256', 'sha512', 'md5', '__proto__', ''])}`,
        () =>
          `${dice.pick(['n[]', 'digest[a]', 'last[0]', 'digest[__proto__][x]', '__proto__'])}=${names.odd()}`,
        () => `${names.odd()}=${names.odd()}`,
        () => dice.pick(['&', '=', '?', '#', '%', '%%', '&&&&', '=&=', 'ns=docker.io']),
      );
    const count = dice.chance(0.03) ? dice.below(500) : 1 + dice.below(3);
    return `?${Array.from({ length: count }, pair).join('&')}`;
  }

  #headers(): string[] {
    const dice = this.#dice;
    const names = this.#names;
    const odd = (): string => names.odd().replace(/[^\x20-\x7e]/g, '');
    const range = (): string =>
      dice.pick([
        '0-0',
        '0-',
        '-1',
        '-',
        '5-1',
        '0-1,2-3',
        '999999999999-',
        'a-b',
        `0-${'9'.repeat(300)}`,
        '-0',
        '',
      ]);
    const line = (): string =>
      dice.oneOf<string>(
        () => `Range: ${dice.pick(['bytes=', 'bytes = ', 'lines=', '', 'BYTES='])}${range()}`,
        () =>
          `Content-Range: ${dice.pick(['', 'bytes ', 'bytes=', 'x '])}${range()}${dice.pick(['', '/*', '/5', '/x'])}`,
        () => `If-Range: ${dice.chance(0.5) ? `"${names.digest()}"` : odd()}`,
        () =>
          `If-None-Match: ${dice.pick(['*', '"*"', 'W/"a"', `"${names.digest()}"`, odd(), ',,,', '"'.repeat(999)])}`,
        () => `If-Match: ${dice.pick(['*', `"${names.digest()}"`, odd()])}`,
        () => `Accept: ${dice.pick(['*/*', types.manifest, '', ';;;', odd()])}`,
        () =>
          `Content-Type: ${dice.pick([types.manifest, types.index, `${types.manifest}; charset=utf-8`, '', '/', 'text', odd()])}`,
        () => `Content-Encoding: ${dice.pick(['gzip', 'identity', odd()])}`,
        () =>
          `Authorization: ${dice.pick(['Basic', 'Basic ', 'Basic %%%', 'Bearer x', `Basic ${'QQ'.repeat(2000)}`, odd()])}`,
        () => `X-Request-Id: ${dice.pick(['id', odd(), 'a'.repeat(129)])}`,
        () =>
          `X-Forwarded-Prefix: ${dice.pick(['/base', '/../..', 'http://evil', '//evil.example', '/a/'.repeat(100), odd()])}`,
        () => `X-Forwarded-Host: ${odd()}`,
        () =>
          `X-Forwarded-For: ${dice.pick(['127.0.0.1', '203.0.113.7, 127.0.0.1', '[::1]:x', ',,,', '1,'.repeat(2000), odd()])}`,
        () => `Expect: ${dice.pick(['100-continue', '100-Continue', 'tea', ''])}`,
        () =>
          `Connection: ${dice.pick(['close', 'keep-alive', 'upgrade', 'Transfer-Encoding', 'close, keep-alive', ''])}`,
        () => `Upgrade: ${dice.pick(['websocket', 'h2c', 'TLS/1.0'])}`,
        () => `Cookie: ${odd()}`,
        () => `${dice.text(1 + dice.length(200), 'aB-_!~')}: ${odd()}`,
        () =>
          dice.pick([
            'a: ',
            ':',
            ': a',
            'no colon',
            ' folded',
            '\tfolded',
            'a\0: b',
            'a: \0',
            'a\x0b: b',
            'a : b',
            '{"a":1}',
          ]),
        () => `X-Long: ${'a'.repeat(dice.length(60_000))}`,
        () => Array.from({ length: dice.length(3_000) }, () => 'a:').join('\r\n') || 'a:',
        () =>
          `Transfer-Encoding: ${dice.pick(['identity', 'gzip', 'chunked', 'xchunked', ' chunked', 'chunked, chunked'])}`,
        () =>
          `Content-Length: ${dice.pick(['0', '-1', '+1', '1e3', '0x10', '5 5', '5, 5', '9'.repeat(30), ''])}`,
      );
    return Array.from({ length: dice.below(4) }, line);
  }

  #body(method: string): Buffer {
    const dice = this.#dice;
    if ((method === 'GET' || method === 'HEAD' || method === 'DELETE') && dice.chance(0.9))
      return Buffer.alloc(0);
    return dice.oneOf<Buffer>(
      () => Buffer.alloc(0),
      () => Buffer.from('hello'),
      () => dice.bytes(dice.length(20_000)),
      () => Buffer.alloc(dice.length(400_000), 'a'),
      () => Buffer.from(hidden),
      () => Buffer.from(`0\r\n\r\n${hidden}`),
      () => Buffer.from(this.#json(), dice.chance(0.9) ? 'utf8' : 'latin1'),
      () => Buffer.from(this.#json()),
    );
  }

  /** What may be a manifest. */
  #json(): string {
    const dice = this.#dice;
    const names = this.#names;
    const descriptor = (): string =>
      dice.oneOf<string>(
        () =>
          `{"mediaType":"${types.layer}","digest":"${names.digest().replace(/["\\]/g, '')}","size":${this.#number()}}`,
        () => `{"digest":"${digestOf('')}","size":0,"urls":["http://a"]}`,
        () => dice.pick(['null', '[]', '{}', '"a"', '5', 'true', '{"digest":{}}', '{"digest":[]}']),
      );
    const field = (): string =>
      dice.oneOf<string>(
        () => `"layers":[${Array.from({ length: dice.length(40) }, descriptor).join(',')}]`,
        () => `"manifests":[${Array.from({ length: dice.length(40) }, descriptor).join(',')}]`,
        () => `"config":${descriptor()}`,
        () => `"subject":${descriptor()}`,
        () =>
          `"mediaType":${dice.pick([`"${types.manifest}"`, `"${types.index}"`, '5', 'null', '""', '{}'])}`,
        () => `"schemaVersion":${dice.pick(['1', '2', '"2"', 'null', this.#number()])}`,
        () =>
          `"annotations":${dice.pick(['{}', '{"__proto__":"a"}', '{"a":5}', 'null', '[]', `{"a":"${'b'.repeat(dice.length(9_000))}"}`])}`,
        () => `"artifactType":${dice.pick(['"a/b"', '5', '"\\u0000"', '"\\ud800"'])}`,
        () => `"__proto__":{"layers":[null]}`,
        () => `"constructor":{"prototype":{"polluted":true}}`,
        () => `"deep":${'['.repeat(dice.length(200_000))}`,
        () => `"deep":${'{"a":'.repeat(dice.length(50_000))}1`,
        () => `"long":"${'\\u0000'.repeat(dice.length(9_000))}"`,
        () => `"number":${this.#number()}`,
      );
    const whole = `{${Array.from({ length: 1 + dice.below(6) }, field).join(',')}}`;
    return dice.oneOf<string>(
      () => whole,
      () => whole,
      () => `{"schemaVersion":2,"layers":[],"annotations":{"n":"${dice.below(1_000_000)}"}}`,
      () => whole.slice(0, dice.below(whole.length)),
      () => `\ufeff${whole}`,
      () => `${whole} ${whole}`,
      () =>
        dice.pick([
          'null',
          '[]',
          '""',
          '0',
          'true',
          '',
          ' ',
          '\0',
          '{"a":1,"a":2}',
          '[[[[',
          '}',
          '{"a"',
          "{'a':1}",
        ]),
    );
  }

  #number(): string {
    return this.#dice.pick([
      '0',
      '1',
      '-1',
      '1.5',
      '1e400',
      '-0',
      '9007199254740993',
      '1e-7',
      `1${'0'.repeat(400)}`,
      '"1"',
    ]);
  }

  #framed(body: Buffer, method: string): Framed {
    const dice = this.#dice;
    const length = `Content-Length: ${body.length}`;
    const chunked = 'Transfer-Encoding: chunked';
    if (body.length === 0 && dice.chance(0.9)) {
      const none = method === 'GET' || method === 'HEAD' ? [] : ['Content-Length: 0'];
      return { headers: none, body, isClear: true };
    }
    return dice.oneOf<Framed>(
      () => ({ headers: [length], body, isClear: true }),
      () => ({ headers: [length], body, isClear: true }),
      () => ({ headers: [chunked], body: this.#chunked(body), isClear: true }),
      () => ({ headers: [chunked], body: this.#badlyChunked(body), isClear: false }),
      () => ({
        headers: [length, chunked],
        body: dice.chance(0.5) ? body : this.#chunked(body),
        isClear: false,
      }),
      () => ({ headers: [length, `Content-Length: ${body.length + 1}`], body, isClear: false }),
      () => ({ headers: [length, length], body, isClear: false }),
      () => ({
        headers: [
          dice.pick([
            'Transfer-Encoding : chunked',
            'Transfer-Encoding:\x0bchunked',
            'Transfer-Encoding: chunked\x0b',
            'Transfer-Encoding: xchunked',
            'Transfer-Encoding: chunked, identity',
            'Transfer-Encoding: identity, chunked',
            'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
            'Transfer-Encoding:\r\n chunked',
            'Transfer_Encoding: chunked',
            'X: y\rTransfer-Encoding: chunked',
          ]),
          ...(dice.chance(0.5) ? [length] : []),
        ],
        // Neither reading of it has a request in it that may be run.
        body: this.#chunked(Buffer.from('hello')),
        isClear: false,
      }),
      // More is announced than comes.
      () => ({ headers: [`Content-Length: ${body.length + 1 + dice.below(1000)}`], body, isClear: false }),
      () => ({
        headers: [chunked],
        body: this.#chunked(body).subarray(0, -dice.below(8) || undefined),
        isClear: false,
      }),
    );
  }

  #chunked(body: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < body.length;) {
      const size = 1 + this.#dice.length(70_000);
      const chunk = body.subarray(at, at + size);
      const extension = this.#dice.chance(0.1) ? this.#dice.pick([';a=b', ';a="b"', ';a']) : '';
      parts.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk, Buffer.from('\r\n'));
      at += size;
      if (parts.length > 1500) parts.push(Buffer.from(`${(body.length - at).toString(16)}\r\n`));
      if (parts.length > 1500) parts.push(body.subarray(at), Buffer.from('\r\n'));
      if (parts.length > 1500) break;
    }
    const trailer = this.#dice.chance(0.1) ? 'X-Trailer: a\r\n' : '';
    return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
  }

  #badlyChunked(body: Buffer): Buffer {
    const size = body.length.toString(16);
    const start = this.#dice.pick([
      `${size}\n`,
      `0x${size}\r\n`,
      `-${size}\r\n`,
      `+${size}\r\n`,
      ` ${size}\r\n`,
      `${size} \r\n`,
      `${size};${'a'.repeat(this.#dice.length(40_000))}\r\n`,
      `${size};a\nb\r\n`,
      `${'f'.repeat(17)}\r\n`,
      `${'0'.repeat(this.#dice.length(20_000))}${size}\r\n`,
      `${size}\r\r\n`,
      'zz\r\n',
      '\r\n',
    ]);
    return Buffer.concat([Buffer.from(start), body, Buffer.from('\r\n0\r\n\r\n')]);
  }

  #mutated(bytes: Buffer): Buffer {
    const dice = this.#dice;
    let mutated: Buffer = Buffer.from(bytes);
    for (let count = 1 + dice.below(4); count > 0; count -= 1) {
      const at = dice.below(Math.max(1, mutated.length));
      mutated = dice.oneOf<Buffer>(
        () => Buffer.concat([mutated.subarray(0, at), dice.bytes(1 + dice.below(4)), mutated.subarray(at)]),
        () => Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + dice.below(4))]),
        () =>
          Buffer.concat([
            mutated.subarray(0, at),
            Buffer.from(dice.pick(['\r\n', '\n', '\r', '\0', ' ', '%'])),
            mutated.subarray(at),
          ]),
        () => mutated.subarray(0, at),
      );
    }
    return mutated;
  }
}

function hidesRequest({ bytes }: OddRequest): boolean {
  return bytes.includes(`/v2/${canary.repository}/`);
}

/** Whether a line is a header that HTTP libraries send as it is. */
function isProper(line: string): boolean {
  return (
    /^[A-Za-z0-9!~_-]+:[\x20-\x7e]*$/.test(line) &&
    !/^(?:connection|upgrade|expect|content-length|transfer-encoding|trailer|host)\s*:/i.test(line)
  );
}

function shuffled<Item>(dice: Dice, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, rank: dice.fraction() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
