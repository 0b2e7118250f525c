import { expect } from 'chai';
import { fuzz } from './fuzzing.ts';

describe('Whatever clients send, a registry', () => {
  for (const storage of ['memory', 'filesystem'] as const) {
    it(`lives on, answers as the spec has it and keeps to itself what is inside [${storage}]`, async function () {
      this.timeout(120_000);
      const { statuses } = await fuzz({ storage, requests: 1500, seed: 1 });
      // It was not all refused at the door.
      expect([...statuses.keys()]).to.include.members([200, 201, 202, 204, 400, 404, 405, 416]);
    });
  }
});
