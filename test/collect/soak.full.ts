import { expect } from 'chai';
import { soak } from './soaking.ts';

describe('Half a minute of clients that push, retag, delete and pull while collection runs again and again', () => {
  it('ends without an error, with every tag whole, and with nothing left that nothing refers to', async () => {
    const say = (line: string): void => void process.stdout.write(`        ${line}\n`);
    const options = { seconds: 30, clients: 10, workers: 2, grace: 6_000, seed: 20_261_125, say };
    const { tags, collected, done, ...found } = await soak(options);
    say(JSON.stringify({ tags, ...collected, ...done }));
    expect(found).to.deep.equal({ errors: [], flaws: [], damage: [], leftovers: [] });
    expect(tags).to.be.greaterThan(0);
    expect(collected.blobs).to.be.greaterThan(0);
    expect(collected.manifests).to.be.greaterThan(0);
  }).timeout(300_000);
});
