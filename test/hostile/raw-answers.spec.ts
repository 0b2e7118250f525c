import { expect } from 'chai';
import { rawAnswers } from './raw-answers.ts';

function answer(status: string, fields: readonly string[], body = ''): string {
  return [`HTTP/1.1 ${status}`, ...fields, '', body].join('\r\n');
}

/** Statuses and bodies of the answers that are read in these bytes. */
function read(bytes: string, methods: readonly string[], isClear = true): string[] {
  return rawAnswers(Buffer.from(bytes), { methods, isClear }).map(
    ({ status, body }) => `${status} ${body.toString()}`,
  );
}

const found = answer('200 OK', ['content-length: 5'], 'hello');
const foundByHead = answer('200 OK', ['content-length: 5']);
const lastByHead = answer('200 OK', ['content-length: 5', 'connection: close']);
const refusal = answer('400 Bad Request', ['Connection: close', 'Content-Length: 2'], '{}');

describe('The judge of the fuzz run reads answers', () => {
  it('one after the other, each with its body', () => {
    expect(read(found + found, ['GET', 'GET'])).to.deep.equal(['200 hello', '200 hello']);
  });

  it('to HEAD, which have no body whatever they announce', () => {
    expect(read(foundByHead + found, ['HEAD', 'GET'])).to.deep.equal(['200 ', '200 hello']);
    expect(read(lastByHead, ['HEAD'])).to.deep.equal(['200 ']);
  });

  it('to HEAD that close the connection, and the refusal of what was sent after it', () => {
    expect(read(lastByHead + refusal, ['HEAD', 'GET'])).to.deep.equal(['200 ', '400 {}']);
  });

  it('that refuse what only begins like HEAD, with their body', () => {
    expect(read(refusal, ['HEAD'])).to.deep.equal(['400 {}']);
    expect(read(found + refusal, ['GET', 'HEAD'])).to.deep.equal(['200 hello', '400 {}']);
  });

  it('to requests one of which has swallowed the next, so that nobody can tell which one was HEAD', () => {
    const methods = ['PUT', 'HEAD', 'GET', 'HEAD'];
    expect(read(found + foundByHead, methods, false)).to.deep.equal(['200 hello', '200 ']);
    expect(read(found + found + foundByHead + refusal, methods, false)).to.deep.equal([
      '200 hello',
      '200 hello',
      '200 ',
      '400 {}',
    ]);
    expect(() => read(found + foundByHead, ['PUT', 'GET'], false)).to.throw('announces 5 bytes, 0 came');
  });

  it('and takes nothing else for one', () => {
    expect(() => read(foundByHead, ['GET'])).to.throw('announces 5 bytes, 0 came');
    expect(() => read(foundByHead + found, ['GET', 'GET'])).to.throw();
    expect(() => read(found + found, ['HEAD', 'GET'])).to.throw('no status line');
    expect(() => read(found + refusal.slice(0, -1), ['GET', 'GET'])).to.throw('announces 2 bytes, 1 came');
    expect(() => read('HTTP/1.1 200 OK\r\n', ['GET'])).to.throw('no end of its head');
    expect(() => read(answer('200 OK', []), ['GET'])).to.throw('how long it is');
  });
});
