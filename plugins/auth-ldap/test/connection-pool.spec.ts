import { expect } from 'chai';
import { isRegistryError } from '@entrepot/plugin-sdk';
import { ConnectionPool, type PooledConnection } from '../src/connection-pool.ts';

/** A connection that is lost when the test says so. */
class Line implements PooledConnection {
  readonly number: number;
  isOpen = true;

  constructor(number: number) {
    this.number = number;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}

describe('A pool of connections', () => {
  let lines: Line[];
  let now: number;
  let pool: ConnectionPool<Line>;
  beforeEach(() => {
    lines = [];
    now = 0;
    const open = async (): Promise<Line> => {
      const line = new Line(lines.length);
      lines.push(line);
      return line;
    };
    pool = new ConnectionPool({ size: 2, maxWaiting: 1, open, now: () => now });
  });
  const number = async (line: Line): Promise<number> => line.number;

  it('uses a connection again', async () => {
    expect([await pool.use(number), await pool.use(number)]).to.deep.equal([0, 0]);
  });

  it('uses none that was idle for long, or was closed meanwhile', async () => {
    await pool.use(number);
    now = 30_000;
    expect(await pool.use(number)).to.equal(1);
    const [old, current] = lines;
    expect(old?.isOpen).to.equal(false);
    await current?.close();
    expect(await pool.use(number)).to.equal(2);
  });

  it('begins again with a new one when one that was used before is lost, and once only', async () => {
    await pool.use(number);
    const seen: number[] = [];
    const fails = pool.use(async (line) => {
      seen.push(line.number);
      line.isOpen = false;
      throw new Error('reset');
    });
    expect(String(await fails.catch((error: unknown) => error))).to.include('is lost');
    expect(seen).to.deep.equal([0, 1]);
  });

  it('closes one over which something went wrong, and does not try again', async () => {
    await pool.use(number);
    const failure = new Error('not found');
    const fails = pool.use(async () => Promise.reject(failure));
    expect(await fails.catch((error: unknown) => error)).to.equal(failure);
    expect(lines.map(({ isOpen }) => isOpen)).to.deep.equal([false]);
  });

  it('has so many at a time, lets so many wait, and refuses the others with 429', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const work = Array.from({ length: 3 }, () => pool.use(async () => promise));
    const refusal: unknown = await pool.use(number).catch((error: unknown) => error);
    expect(isRegistryError(refusal) && refusal.code).to.equal('TOOMANYREQUESTS');
    expect(lines).to.have.lengthOf(2);
    resolve(undefined);
    await Promise.all(work);
    expect(lines).to.have.lengthOf(2);
  });

  it('closes all that are idle when it is closed, and those in use when they have been used', async () => {
    await pool.use(number);
    await pool.use(async () => pool.close());
    expect(lines.map(({ isOpen }) => isOpen)).to.deep.equal([false]);
  });
});
