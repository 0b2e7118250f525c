import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { startTls } from '../src/start-tls.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
/** The answer of OpenLDAP, and that of Active Directory, whose lengths have the long form. */
const short = bytes('30 0c 02 01 01 78 07 0a 01 00 04 00 04 00');
const long = bytes('30 84 00 00 00 10 02 01 01 78 84 00 00 00 07 0a 01 00 04 00 04 00');

describe('StartTLS', () => {
  let server: Server;
  let answer: (socket: Socket) => void;
  let asked: Buffer[];
  beforeEach(async () => {
    asked = [];
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (chunk: Buffer) => {
        asked.push(chunk);
        answer(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /** Whether both sides are ready for TLS, or what is the matter. */
  async function outcome(milliseconds = 30_000): Promise<string> {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    try {
      const socket = await startTls({ host: '127.0.0.1', port: address.port }, milliseconds);
      socket.destroy();
      return 'ready';
    } catch (error) {
      return String(error);
    }
  }

  it('is asked for as RFC 4511 has it, and answered in the short and the long form', async () => {
    for (const each of [short, long]) {
      answer = (socket) => socket.write(each);
      expect(await outcome()).to.equal('ready');
    }
    expect(asked[0]?.toString('latin1')).to.match(/1\.3\.6\.1\.4\.1\.1466\.20037$/);
    expect(asked[0]).to.have.lengthOf(31);
  });

  it('waits for an answer that comes in pieces', async () => {
    answer = (socket) => {
      socket.setNoDelay(true);
      socket.write(short.subarray(0, 5), () => socket.write(short.subarray(5)));
    };
    expect(await outcome()).to.equal('ready');
  });

  it('trusts nothing that stands behind the answer: it was said before there was TLS', async () => {
    answer = (socket) =>
      socket.write(Buffer.concat([short, bytes('30 0c 02 01 02 61 07 0a 01 00 04 00 04 00')]));
    expect(await outcome()).to.match(/more than the answer/);
  });

  for (const [what, said, message] of [
    ['a refusal', bytes('30 0c 02 01 01 78 07 0a 01 02 04 00 04 00'), /does not want StartTLS/],
    ['another answer', bytes('30 0c 02 01 01 61 07 0a 01 00 04 00 04 00'), /is none/],
    ['nonsense', Buffer.from('HTTP/1.1 400 Bad Request'), /more than|is none/],
    ['an answer without end', Buffer.alloc(8192, 0x30), /more than|is none/],
  ] as const) {
    it(`goes no further after ${what}`, async () => {
      answer = (socket) => socket.end(said);
      expect(await outcome()).to.match(message);
    });
  }

  it('goes no further when the directory hangs up, or says nothing in time', async () => {
    answer = (socket) => socket.destroy();
    expect(await outcome()).to.match(/Error/);
    answer = (socket) => void setImmediate(() => socket.resume());
    expect(await outcome(50)).to.match(/abort/i);
  });
});
