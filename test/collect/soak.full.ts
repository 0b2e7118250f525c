import { expect } from 'chai';
import { soak, type SoakOptions } from './soaking.ts';

const places: readonly (Pick<SoakOptions, 'storage' | 'replicas' | 'workers' | 'clients' | 'seconds'> & {
  readonly place: string;
})[] = [
  {
    place: 'a directory, with two workers',
    storage: 'filesystem',
    replicas: 1,
    workers: 2,
    clients: 10,
    seconds: 20,
  },
  { place: 'S3, with three replicas', storage: 's3', replicas: 3, workers: 1, clients: 6, seconds: 15 },
  { place: 'Azure, with three replicas', storage: 'azure', replicas: 3, workers: 1, clients: 6, seconds: 15 },
];

describe('Clients that push, retag, delete and pull while collection runs again and again', () => {
  for (const { place, ...options } of places) {
    it(`meet no error on ${place}; in the end every tag is whole, and nothing is left that nothing refers to`, async () => {
      const say = (line: string): void => void process.stdout.write(`        ${line}\n`);
      const { tags, collected, done, ...found } = await soak({
        ...options,
        grace: 6_000,
        rate: 500,
        seed: 20_261_125,
        say,
      });
      say(JSON.stringify({ tags, ...collected, ...done }));
      expect(found).to.deep.equal({ errors: [], flaws: [], damage: [], leftovers: [] });
      expect(tags).to.be.greaterThan(0);
      expect(collected.blobs).to.be.greaterThan(0);
      expect(collected.manifests).to.be.greaterThan(0);
    }).timeout(300_000);
  }
});
