import { expect } from 'chai';
import { explore } from '../races/explore.ts';
import { blobCases, manifestCases } from './cases.ts';
import { collectionScene } from './collection-scene.ts';
import { undoCases } from './undo-cases.ts';

/** Every order takes ten minutes: docs/garbage-collection.md says how to ask for it. Otherwise so many of each case as chance has it. */
const EVERY_ORDER = process.env['ENTREPOT_EVERY_ORDER'] !== undefined;
const SAMPLE = 300;
/** So many runs reach every state of every case but the vast ones, of which half is played as chance has it. */
const LIMIT = 12_000;
const LIMIT_OF_VAST = 2_500;

/** Prints what docs/garbage-collection.md says of the proof. */
function tell(sentence: string, deaths: number, figures: object): void {
  process.stdout.write(`        ${JSON.stringify({ sentence, deaths, ...figures })}\n`);
}

for (const [what, cases] of Object.entries({
  blobs: blobCases,
  manifests: manifestCases,
  'what is deleted': undoCases,
})) {
  describe(`Garbage collection in ${EVERY_ORDER ? 'every order' : 'many orders'} with requests for ${what} loses nothing`, () => {
    for (const [sentence, scene] of Object.entries(cases)) {
      for (const deaths of scene.isWithoutDeaths === true ? [0] : [0, 1]) {
        it(`${sentence}${deaths === 0 ? '' : ', one of whom dies'}`, async () => {
          const isVast = scene.vast?.includes(deaths) ?? false;
          const limit = isVast ? LIMIT_OF_VAST : LIMIT;
          const { complete, ...figures } = await explore(collectionScene(scene), {
            deaths,
            limit: EVERY_ORDER ? limit : SAMPLE,
          });
          tell(sentence, deaths, { ...figures, complete });
          expect(figures.endings).to.be.greaterThan(1);
          if (EVERY_ORDER) expect(complete, 'every schedule has been played').to.equal(!isVast);
        }).timeout(3_600_000);
      }
    }
  });
}
