import { expect } from 'chai';
import { SharedConnection } from '@entrepot/plugin-sdk/events';

describe('A connection that deliveries share', () => {
  let opened: number;
  let closed: number[];
  let lose: () => void;
  let failure: Error | undefined;
  let connection: SharedConnection<number>;
  beforeEach(() => {
    opened = 0;
    closed = [];
    lose = () => undefined;
    failure = undefined;
    connection = new SharedConnection({
      async open(onLost) {
        opened += 1;
        lose = onLost;
        if (failure !== undefined) throw failure;
        return opened;
      },
      close: async (each) => void closed.push(each),
    });
  });

  it('is opened once, when it is needed', async () => {
    expect(opened).to.equal(0);
    expect(await Promise.all([connection.get(), connection.get()])).to.deep.equal([1, 1]);
  });

  it('is opened again when it has been lost', async () => {
    await connection.get();
    lose();
    expect(await connection.get()).to.equal(2);
  });

  it('is unavailable when nobody is there, and tried again the next time', async () => {
    failure = new Error('connection refused');
    const error: unknown = await connection.get().catch((thrown: unknown) => thrown);
    expect(error).to.include({ fault: 'unavailable', message: 'connection refused' });
    failure = undefined;
    expect(await connection.get()).to.equal(2);
  });

  it('is closed, also twice, and also when it could not be opened', async () => {
    await connection.get();
    await connection.close();
    await connection.close();
    expect(closed).to.deep.equal([1]);
    failure = new Error('connection refused');
    await connection.get().catch(() => undefined);
    await connection.close();
    expect(closed).to.deep.equal([1]);
  });
});
