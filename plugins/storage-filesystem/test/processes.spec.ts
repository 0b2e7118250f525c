import { expect } from 'chai';
import { Contender } from './processes.ts';
import { TemporaryRoot } from './temporary-root.ts';

describe('two processes on one root', () => {
  let root: TemporaryRoot;
  beforeEach(async () => {
    root = await TemporaryRoot.make();
  });
  afterEach(() => root.destroy());

  async function race(...job: readonly string[]): Promise<readonly [Contender, Contender]> {
    const [kind = '', key = '', ...rest] = job;
    const contenders = [
      new Contender(root.path, kind, key, 'one', ...rest),
      new Contender(root.path, kind, key, 'two', ...rest),
    ] as const;
    await Promise.all(contenders.map((contender) => contender.says('ready')));
    for (const contender of contenders) contender.begin();
    await Promise.all(contenders.map((contender) => contender.end()));
    return contenders;
  }

  it('create each of 200 objects once, and the winner is the one whose bytes are there', async () => {
    const [one, two] = await race('create', 'a/b', '200');
    const driver = await root.driver();
    const winners = { one: new Set(one.lines), two: new Set(two.lines) };
    for (let round = 0; round < 200; round += 1) {
      const key = `a/b-${round}`;
      const object = await driver.read(key);
      const name = Buffer.from(object?.bytes ?? []).toString();
      expect(winners.one.has(`won ${key}`), key).to.equal(name === 'one');
      expect(winners.two.has(`won ${key}`), key).to.equal(name === 'two');
      expect(name).to.be.oneOf(['one', 'two']);
    }
  });

  it('count to 400 with ifMatch, and lose no step', async () => {
    await race('count', 'counter', '200');
    const driver = await root.driver();
    const object = await driver.read('counter');
    expect(Buffer.from(object?.bytes ?? []).toString()).to.equal('400');
  });

  it('wait for one another, but not for one that was killed while it held the lock', async () => {
    const driver = await root.driver();
    await driver.write('a', Buffer.from('1'));
    const contender = new Contender(root.path, 'hold', 'a');
    contender.begin();
    await contender.says('held');
    let written = false;
    const writing = driver.write('a', Buffer.from('2')).then(() => {
      written = true;
    });
    await driver.write('b', Buffer.from('of another lock'));
    await driver.write('c', Buffer.from('there is no need to wait'), { ifAbsent: true });
    expect(written).to.equal(false);
    await contender.kill();
    await writing;
    expect((await driver.read('a'))?.bytes.toString()).to.equal('2');
  });

  it('see what the other had been answered when it was killed, or what it was about to write, and never half of it', async () => {
    const driver = await root.driver();
    for (let kill = 0; kill < 5; kill += 1) {
      const contender = new Contender(root.path, 'rewrite', 'a');
      contender.begin();
      await contender.says(`answered ${kill * 3 + 1}`);
      await contender.kill();
      const answered = Number(contender.lines.at(-1)?.split(' ')[1]);
      const object = await driver.read('a');
      const lines = Buffer.from(object?.bytes ?? [])
        .toString()
        .split('\n')
        .slice(0, -1);
      expect(lines).to.have.length(4096);
      expect(new Set(lines).size).to.equal(1);
      expect(Number(lines[0])).to.be.oneOf([answered, answered + 1]);
      const other = await driver.read(`a-${answered % 7}/created`);
      expect(Number(Buffer.from(other?.bytes ?? []).toString())).to.equal(answered);
    }
  });
});
