import { expect } from 'chai';
import { explore } from '../races/explore.ts';
import { blobCases, manifestCases } from './cases.ts';
import { collectionScene } from './collection-scene.ts';
import { undoCases } from './undo-cases.ts';

/** There are too many orders to play them all each time: `schedules.full.ts` does. */
const SAMPLE = 20;
const SAMPLE_OF_DELETIONS = 8;

describe('Garbage collection at the same time as requests for blobs loses nothing', () => {
  for (const [sentence, scene] of Object.entries(blobCases)) {
    for (const deaths of [0, 1]) {
      it(`${sentence}${deaths === 0 ? '' : ', one of whom dies'}`, async () => {
        const { endings } = await explore(collectionScene(scene), { deaths, limit: SAMPLE });
        expect(endings).to.be.greaterThan(1);
      });
    }
  }
});

describe('Garbage collection at the same time as requests for manifests loses nothing', () => {
  for (const [sentence, scene] of Object.entries(manifestCases)) {
    for (const deaths of [0, 1]) {
      it(`${sentence}${deaths === 0 ? '' : ', one of whom dies'}`, async () => {
        const { endings } = await explore(collectionScene(scene), { deaths, limit: SAMPLE });
        expect(endings).to.be.greaterThan(1);
      });
    }
  }
});

describe('Garbage collection at the same time as deletions leaves what can be restored', () => {
  for (const [sentence, scene] of Object.entries(undoCases)) {
    for (const deaths of scene.isWithoutDeaths === true ? [0] : [0, 1]) {
      it(`${sentence}${deaths === 0 ? '' : ', one of whom dies'}`, async () => {
        const { endings } = await explore(collectionScene(scene), { deaths, limit: SAMPLE_OF_DELETIONS });
        expect(endings).to.be.greaterThan(0);
      });
    }
  }
});
