import { expect } from 'chai';
import { torture } from './torture.ts';

describe('A registry that is killed again and again', () => {
  for (const { name, processes, workers } of [
    { name: 'one process', processes: 1, workers: 1 },
    { name: 'two workers', processes: 1, workers: 2 },
    { name: 'two processes on one directory', processes: 2, workers: 1 },
  ]) {
    it(`loses nothing acknowledged, serves nothing wrong and leaves no tag behind: ${name}`, async () => {
      const report = await torture({
        seconds: 30,
        clients: 3,
        processes,
        workers,
        seed: 20261125,
        say: () => undefined,
      });
      expect(report.kills).to.be.greaterThan(2);
      expect(report.acknowledged).to.be.greaterThan(50);
      expect(report.findings).to.deep.equal([]);
    });
  }
});
