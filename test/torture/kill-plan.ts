import type { ActName } from './acts.ts';
import type { KillPoint } from './kill-points.ts';
import type { Random } from './random.ts';
import { steps } from './steps.ts';

/** The next kill. */
export interface PlannedKill {
  /** `undefined` for one at some time. */
  readonly point: KillPoint | undefined;
  /** What clients have to do for the point to be reached. */
  readonly acts: readonly ActName[];
  /** Milliseconds after which somebody is killed anyway. */
  readonly within: number;
}

interface Moment extends Pick<KillPoint, 'step' | 'phase'> {
  readonly acts: readonly ActName[];
}

const moments: readonly Moment[] = steps.flatMap((step) => {
  const { name, acts } = step;
  const phases = 'isLook' in step ? (['before'] as const) : (['before', 'during', 'after'] as const);
  return phases.map((phase) => ({ step: name, phase, acts }));
});

/** Part of the kills that happen at some time. */
const AT_SOME_TIME = 0.2;
const WITHIN = 4_000;

/** Which kills come: each moment of each step in turn, those not hit yet first, and some at any time. */
export class KillPlan {
  readonly #random: Random;
  readonly #missed = new Set(moments);
  #queue: Moment[] = [];
  hits = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get moments(): number {
    return moments.length;
  }

  get missed(): string[] {
    return [...this.#missed].map(({ step, phase }) => `${phase} '${step}'`);
  }

  next(): PlannedKill {
    const random = this.#random;
    if (random.chance(AT_SOME_TIME)) return { point: undefined, acts: [], within: 50 + random.below(1_200) };
    if (this.#queue.length === 0)
      this.#queue = shuffled(this.#missed.size > 0 ? [...this.#missed] : moments, random);
    const moment = this.#queue.pop();
    if (moment === undefined) throw new RangeError('no moment to kill at');
    const { step, phase, acts } = moment;
    // The first call is the soonest one; once each moment has been hit, later ones are as good.
    const nth = this.#missed.size > 0 ? 1 : 1 + random.below(3);
    return { point: { step, phase, nth }, acts, within: WITHIN };
  }

  /** It has been killed there. */
  hit({ point }: PlannedKill): void {
    this.hits += 1;
    for (const moment of this.#missed) {
      if (moment.step === point?.step && moment.phase === point.phase) this.#missed.delete(moment);
    }
  }
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
