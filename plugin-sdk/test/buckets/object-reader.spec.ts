import { Readable } from 'node:stream';
import { isStorageError, StorageError } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import { ObjectReader } from '@entrepot/plugin-sdk/buckets';

const whole = Buffer.from('0123456789');

/** A body of these chunks; an error among them breaks it off. */
function bodyOf(...chunks: readonly (string | Error)[]): Readable {
  const steps = function* (): Generator<Buffer> {
    for (const chunk of chunks) {
      if (chunk instanceof Error) throw chunk;
      yield Buffer.from(chunk);
    }
  };
  return Readable.from(steps(), { objectMode: false });
}

interface Reading {
  readonly reader: ObjectReader;
  /** Where it has begun again. */
  readonly reopened: number[];
}

function read(body: Readable, later: readonly Readable[] = [], { start = 0, end = 10 } = {}): Reading {
  const reopened: number[] = [];
  const bodies = [...later];
  const reopen = async (from: number): Promise<Readable> => {
    reopened.push(from);
    const next = bodies.shift();
    if (next === undefined) throw new StorageError('UNAVAILABLE', 'deleted or replaced');
    return next;
  };
  return { reader: new ObjectReader(body, { size: 10, start, end, patience: 1000, reopen }), reopened };
}

async function drain(reader: ObjectReader): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function isUnavailable(call: Promise<unknown>): Promise<boolean> {
  return isStorageError(await call.catch((error: unknown) => error), 'UNAVAILABLE');
}

const broken = new Error('broken off');

describe('a reader of an object', () => {
  it('gives all bytes, and hears the end of the body', async () => {
    const body = bodyOf('012', '3456789');
    const { reader } = read(body);
    expect(await drain(reader)).to.equal(String(whole));
    expect(await reader.read()).to.equal(undefined);
    expect(body.readableEnded).to.equal(true);
  });

  it('goes on where a body broke off, ended early or was too long', async () => {
    for (const first of [bodyOf('0123', broken), bodyOf('0123'), bodyOf('0123', '456789-and-more')]) {
      const { reader, reopened } = read(first, [bodyOf('456789')]);
      expect(await drain(reader)).to.equal(String(whole));
      expect(reopened).to.deep.equal([4]);
    }
  });

  it('goes on within its range', async () => {
    const { reader, reopened } = read(bodyOf('23', broken), [bodyOf('45')], { start: 2, end: 6 });
    expect(await drain(reader)).to.equal('2345');
    expect(reopened).to.deep.equal([4]);
  });

  it('goes on as often as bytes come in between, and gives up after three times without', async () => {
    const pieces = Array.from('123456789', (byte) => bodyOf(byte, broken));
    expect(await drain(read(bodyOf('0', broken), pieces).reader)).to.equal(String(whole));
    const empty = Array.from({ length: 9 }, () => bodyOf(broken));
    const { reader, reopened } = read(bodyOf('0', broken), empty);
    expect(await isUnavailable(drain(reader))).to.equal(true);
    expect(reopened).to.deep.equal([1, 1, 1]);
  });

  it('ends with the error of a version that is gone', async () => {
    expect(await isUnavailable(drain(read(bodyOf('0123', broken)).reader))).to.equal(true);
  });

  it('lets go of the body when it is closed: before the first byte, in the middle, and while it waits', async () => {
    const [fresh, started, waiting] = [
      bodyOf('0123456789'),
      bodyOf('01', '23456789'),
      new Readable({ read() {} }),
    ];
    await read(fresh).reader.close();
    const { reader } = read(started);
    await reader.read();
    await reader.close();
    await reader.close();
    const last = read(waiting).reader;
    const pending = last.read();
    await last.close();
    expect(await pending).to.equal(undefined);
    for (const body of [fresh, started, waiting]) expect(body.destroyed).to.equal(true);
  });

  it('survives a body that fails after it was closed', async () => {
    const body = bodyOf('0123456789');
    const { reader } = read(body);
    await reader.close();
    body.emit('error', broken);
    expect(await reader.read()).to.equal(undefined);
  });
});
