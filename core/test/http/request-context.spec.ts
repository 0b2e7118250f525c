import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { StorageError, type LargeObject } from '@entrepot/plugin-sdk';
import { ConnectionLost, RequestContext } from '../../src/http/request-context.ts';
import { rejectionOf } from '../rejection.ts';
import { bareRequest } from './bare-request.ts';

/** An object of these chunks; a chunk that is an error is thrown. It counts what was asked of it. */
function objectOf(...chunks: readonly (Buffer | Error)[]) {
  const left = [...chunks];
  const counts = { reads: 0, closes: 0 };
  const object: LargeObject = {
    size: chunks.reduce((sum, chunk) => sum + (Buffer.isBuffer(chunk) ? chunk.length : 0), 0),
    async read() {
      counts.reads += 1;
      const next = left.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    async close() {
      counts.closes += 1;
    },
  };
  return { object, counts };
}

/** A thousand chunks of a mebibyte: more than the buffers of any system take. */
const many: readonly Buffer[] = new Array<Buffer>(1000).fill(Buffer.alloc(1024 * 1024));

/** Streams an object to a client that does with the answer what `receive` says. Gives how the stream ended. */
async function streamTo(
  object: LargeObject,
  receive: (answer: IncomingMessage) => Promise<void>,
  headers: Record<string, number> = { 'content-length': object.size },
): Promise<{ readonly context: RequestContext; readonly error: unknown }> {
  const ended = Promise.withResolvers<{ context: RequestContext; error: unknown }>();
  const server = createServer((request, response) => {
    const context = new RequestContext(request, response);
    context.stream(200, headers, object).then(
      () => ended.resolve({ context, error: undefined }),
      (error: unknown) => ended.resolve({ context, error }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const asking = ask({ port: typeof address === 'object' ? address?.port : 0, host: '127.0.0.1' });
  asking.on('error', () => undefined);
  const received = once(asking, 'response').then(([answer]: IncomingMessage[]) => {
    if (answer === undefined) throw new Error('there is no answer');
    answer.on('error', () => undefined);
    return receive(answer);
  });
  asking.end();
  try {
    const [outcome] = await Promise.all([ended.promise, received]);
    return outcome;
  } finally {
    asking.destroy();
    server.close();
    server.closeAllConnections();
  }
}

describe('The context of a request', () => {
  it('has an id of its own, whatever the client has sent', () => {
    const ids = ['abc', 'abc', undefined].map(
      (id) => bareRequest(id === undefined ? {} : { 'x-request-id': id }).context.requestId,
    );
    for (const id of ids) expect(id).to.match(/^[0-9a-f-]{36}$/);
    expect(new Set(ids)).to.have.lengthOf(3);
  });

  it('knows what stands before /v2/ in the URL the client uses', () => {
    const cases: readonly [
      originalUrl: string | undefined,
      url: string,
      prefix: string | undefined,
      base: string,
    ][] = [
      [undefined, '/v2/', undefined, ''],
      ['/images/v2/a?b', '/v2/a?b', undefined, '/images'],
      ['/v2/', '/v2/', undefined, ''],
      ['/other', '/v2/', undefined, ''],
      [undefined, '/v2/', '/images', '/images'],
      [undefined, '/v2/', '/a/b.c/', '/a/b.c'],
      ['/mounted/v2/', '/v2/', '/proxied', '/proxied'],
      [undefined, '/v2/', '//evil.example', ''],
      [undefined, '/v2/', 'https://evil.example', ''],
      [undefined, '/v2/', '/a b', ''],
      [undefined, '/v2/', '/a\r\nb', ''],
      [undefined, '/v2/', `/${'a'.repeat(101)}`, ''],
      [undefined, '/v2/', '/a'.repeat(11), ''],
    ];
    for (const [originalUrl, url, prefix, base] of cases) {
      const headers = prefix === undefined ? {} : { 'x-forwarded-prefix': prefix };
      const { context, request } = bareRequest(headers, { url });
      if (originalUrl !== undefined) request.originalUrl = originalUrl;
      expect(context.basePath).to.equal(base);
    }
  });

  it('joins headers that came several times', () => {
    const { context } = bareRequest({ accept: 'a', 'if-match': 'x', 'set-cookie': ['a', 'b'] });
    expect(context.header('set-cookie')).to.equal('a, b');
    expect(context.header('accept')).to.equal('a');
    expect(context.header('absent')).to.equal(undefined);
  });

  it('streams an object to its end, counts its bytes, and closes it', async () => {
    const { object, counts } = objectOf(Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world'));
    let received = '';
    const { context, error } = await streamTo(object, async (answer) => {
      for await (const chunk of answer) received += String(chunk);
    });
    expect(error).to.equal(undefined);
    expect(context.sentBytes).to.equal(11);
    expect(counts.closes).to.equal(1);
    expect(received).to.equal('hello world');
  });

  it('cuts an answer that storage cannot finish, so that nobody takes it for whole', async () => {
    const failure = new StorageError('UNAVAILABLE', 'the disk is gone');
    const { object, counts } = objectOf(Buffer.alloc(1000), failure);
    let seen = '';
    const { error } = await streamTo(
      object,
      async (answer) => {
        answer.resume();
        seen = (await rejectionOf(once(answer, 'end'))).message;
      },
      { 'content-length': 5000 },
    );
    expect(error).to.equal(failure);
    expect(counts.closes).to.equal(1);
    expect(seen).to.equal('aborted');
  });

  it('reads no further when the client goes away, and closes the object', async () => {
    const { object, counts } = objectOf(...many);
    const { error } = await streamTo(object, async (answer) => {
      await once(answer, 'readable');
      answer.destroy();
    });
    expect(error).to.be.instanceOf(ConnectionLost);
    expect(counts.closes).to.equal(1);
    expect(counts.reads).to.be.below(100);
  });

  it('holds no more than it has to for a client that does not take it', async () => {
    const { object, counts } = objectOf(...many);
    const { error } = await streamTo(object, async (answer) => {
      // Nothing is read from the answer. What the buffers of the system take is all that goes out.
      for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(counts.reads).to.be.below(50);
      answer.destroy();
    });
    expect(error).to.be.instanceOf(ConnectionLost);
  });
});
