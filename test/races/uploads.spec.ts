import { expect } from 'chai';
import { explore, type ExploreOptions } from './explore.ts';
import type { DriverTraits } from './stepping-driver.ts';
import { append, cancel, finish, sweep } from './upload-operations.ts';
import { uploadRequests, type UploadRequests } from './upload-requests.ts';

/** What the session holds before; with parts of four bytes, two of them are its tail. */
const content = 'abcdef';
const contents = [
  'abcdef',
  'abcdefghi',
  'abcdefGHI',
  'abcdefghiGHI',
  'abcdefGHIghi',
  'ghi',
  'GHI',
  'ghiGHI',
  'GHIghi',
];
const inParts = { partSize: 4, completesTwice: true };
const oncePerUpload = { partSize: 4, completesTwice: false };

/** Too long to be kept in a record, too short for a part. */
const short = 'x'.repeat(20_000);
const inOnePiece = { partSize: 65_536, completesTwice: false };

const lower = append('ghi', 6);
const upper = append('GHI', 6);
const firstLower = append('ghi', 0);
const firstUpper = append('GHI', 0);
const finishAsItIs = finish(content);
const finishLower = finish('abcdefghi', 'ghi');
const finishUpper = finish('abcdefGHI', 'GHI');
const finishWrongly = finish('abcdefghi', '---');

type Case = Pick<UploadRequests, 'content' | 'atOnce' | 'isStale'>;

const pairs: Readonly<Record<string, Case>> = {
  'two chunks for the same place': { content, atOnce: { A: lower, B: upper } },
  'two first chunks': { content: '', atOnce: { A: firstLower, B: firstUpper } },
  'two chunks that do not say where they belong': {
    content,
    atOnce: { A: append('ghi'), B: append('GHI') },
  },
  'a chunk, and the end without it': { content, atOnce: { A: lower, F: finishAsItIs } },
  'a chunk, and an end that waits for it': { content, atOnce: { A: lower, F: finish('abcdefghi') } },
  'a chunk, and an end with another one': { content, atOnce: { A: upper, F: finishLower } },
  'the same end twice': { content, atOnce: { E: finishAsItIs, F: finishAsItIs } },
  'two different ends': { content, atOnce: { E: finishUpper, F: finishLower } },
  'an end, and one with a wrong digest': { content, atOnce: { E: finishUpper, F: finishWrongly } },
  'a whole blob twice': { content: '', atOnce: { E: finish('ghi', 'ghi'), F: finish('ghi', 'ghi') } },
  'a whole blob, and a first chunk': { content: '', atOnce: { E: finish('ghi', 'ghi'), A: firstUpper } },
  'a chunk, and the cancelling': { content, atOnce: { A: lower, C: cancel } },
  'a first chunk, and the cancelling': { content: '', atOnce: { A: firstLower, C: cancel } },
  'the end, and the cancelling': { content, atOnce: { F: finishAsItIs, C: cancel } },
  'the cancelling twice': { content, atOnce: { C: cancel, D: cancel } },
  'a chunk after a long rest, and the sweep': { content, atOnce: { A: lower, S: sweep }, isStale: true },
  'the end after a long rest, and the sweep': {
    content,
    atOnce: { F: finishAsItIs, S: sweep },
    isStale: true,
  },
  'two sweeps': { content, atOnce: { S: sweep, T: sweep }, isStale: true },
};

async function exploreAll(
  scene: Omit<UploadRequests, 'contents' | 'traits' | 'processes'> & Partial<UploadRequests>,
  options?: ExploreOptions,
): Promise<void> {
  const { complete } = await explore(
    uploadRequests({ contents, traits: inParts, processes: 'each', ...scene }),
    options,
  );
  expect(complete, 'every schedule has been played').to.equal(true);
}

describe('two requests for one upload at the same time end as one after the other, or one is refused', () => {
  for (const [sentence, pair] of Object.entries(pairs)) {
    it(`${sentence}, in processes of their own`, () => exploreAll(pair));
    it(`${sentence}, in one process`, () => exploreAll({ ...pair, processes: 'one' }));
  }
});

describe('a process that dies in the middle of a request leaves an upload that goes on or is unknown', () => {
  const alone: Readonly<Record<string, Case>> = {
    'a chunk': { content, atOnce: { A: lower } },
    'a first chunk': { content: '', atOnce: { A: firstLower } },
    'the end': { content, atOnce: { F: finishLower } },
    'the end with a wrong digest': { content, atOnce: { F: finishWrongly } },
    'the cancelling': { content, atOnce: { C: cancel } },
    'the sweep': { content, atOnce: { S: sweep }, isStale: true },
  };
  for (const [sentence, request] of Object.entries(alone)) {
    it(sentence, () => exploreAll(request, { deaths: 1 }));
    it(`${sentence}, on a backend that completes once`, () =>
      exploreAll({ ...request, traits: oncePerUpload }, { deaths: 1 }));
  }

  for (const sentence of ['two chunks for the same place', 'an end, and one with a wrong digest']) {
    const pair = pairs[sentence] ?? { content: '', atOnce: {} };
    it(`${sentence}, one of which dies`, () => exploreAll(pair, { deaths: 1 }));
  }
});

describe('who sleeps for longer than his claim lasts, and goes on, harms no blob', () => {
  const slept: Readonly<Record<string, Case & { readonly traits?: DriverTraits }>> = {
    'with a chunk, while another finishes': { content, atOnce: { A: lower, F: finishUpper } },
    'with the end, while another finishes differently': {
      content,
      atOnce: { E: finishUpper, F: finishLower },
    },
    'with the end, while another sends a wrong digest': {
      content,
      atOnce: { E: finishUpper, F: finishWrongly },
    },
    'with a short blob, while another finishes it differently': {
      content: short,
      atOnce: { E: finish(`${short}ghi`, 'ghi'), F: finish(`${short}GHI`, 'GHI') },
      traits: inOnePiece,
    },
  };
  const all = [...contents, short, `${short}ghi`, `${short}GHI`];
  for (const [sentence, pair] of Object.entries(slept)) {
    it(sentence, () => exploreAll({ ...pair, contents: all, isSlept: true }));
  }

  it('and dies after it, while another sends a wrong digest', () =>
    exploreAll({ content, atOnce: { E: finishUpper, F: finishWrongly }, isSlept: true }, { deaths: 1 }));
});
