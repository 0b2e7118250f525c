import { Stage } from './stage.ts';
import { stoppedClock } from './stopped-clock.ts';

/** What is played on a stage. */
export interface Scene {
  /** What is stored before. */
  readonly setup: (stage: Stage) => Promise<void>;
  /** Those who act on a stage set up like this, all from the same moment on. */
  readonly actors: (stage: Stage) => Readonly<Record<string, () => Promise<unknown>>>;
  /** Calls whose moment makes no difference to anybody: they are let go at once. */
  readonly passes?: RegExp;
  /** Throws when what is stored in the end, and how the actors have fared, do not go together. */
  readonly check: (stage: Stage) => Promise<void>;
}

export interface ExploreOptions {
  /** How many actors may die, each at any moment. */
  readonly deaths?: number;
  /** Runs after which the rest is sampled: as many random schedules again. */
  readonly limit?: number;
  /** Decides which schedules a sample has. */
  readonly seed?: number;
}

export interface Exploration {
  readonly states: number;
  readonly endings: number;
  /** Whether every schedule has been played, or one that leads through the same states. */
  readonly complete: boolean;
}

const LIMIT = 20_000;

/**
 * Plays a scene in every order its storage calls can take. Of two schedules that reach the same state only one is
 * followed further, so the number of runs is about that of the states.
 * @throws Error with the schedule that leads to what {@link Scene.check} threw.
 */
export async function explore(
  scene: Scene,
  { deaths = 0, limit = LIMIT, seed = 1 }: ExploreOptions = {},
): Promise<Exploration> {
  try {
    return await exploreFrom(await setUp(scene), scene, { deaths, limit, seed });
  } finally {
    stoppedClock.release();
  }
}

async function exploreFrom(
  template: Stage,
  scene: Scene,
  { deaths, limit, seed }: Required<ExploreOptions>,
): Promise<Exploration> {
  const seen = new Set<string>();
  const open: string[][] = [[]];
  const random = generator(seed);
  let endings = 0;
  for (let runs = 0; open.length > 0 && runs < 2 * limit; runs += 1) {
    const next = runs < limit ? open.length - 1 : Math.floor(random() * open.length);
    const [schedule = []] = open.splice(next, 1);
    const stage = await begin(scene, template, schedule);
    for (let state = stage.state(); !seen.has(state); state = stage.state()) {
      seen.add(state);
      const dead = stage.actors.filter(({ outcome }) => outcome.end === 'death').length;
      const choices = stage.choices({ deaths: dead < deaths });
      const passing = choices.find((choice) => scene.passes?.test(choice));
      const [first, ...others] = passing === undefined ? choices : [passing];
      if (first === undefined) {
        await checked(scene, stage);
        endings += 1;
        break;
      }
      for (const other of others) open.push([...stage.schedule, other]);
      await stage.choose(first);
    }
  }
  return { states: seen.size, endings, complete: open.length === 0 };
}

/** What an exploration throws that is to fail. @throws Error when it does not fail. */
export async function failureOf(exploring: Promise<unknown>): Promise<string> {
  try {
    await exploring;
  } catch (error) {
    return String(error);
  }
  throw new Error('every order ends well');
}

async function setUp(scene: Scene): Promise<Stage> {
  stoppedClock.stop();
  const template = new Stage();
  await scene.setup(template);
  return template;
}

async function begin(scene: Scene, template: Stage, schedule: readonly string[]): Promise<Stage> {
  stoppedClock.stop();
  const stage = new Stage(template);
  for (const [name, work] of Object.entries(scene.actors(stage))) await stage.enter(name, work);
  for (const choice of schedule) await stage.choose(choice);
  return stage;
}

async function checked(scene: Scene, stage: Stage): Promise<void> {
  const idle = stage.actors.filter(({ outcome }) => outcome.end === 'none').map(({ name }) => name);
  try {
    if (idle.length > 0) throw new Error(`${idle.join(', ')} waits for nothing and has not ended`);
    await scene.check(stage);
  } catch (error) {
    const steps = stage.schedule.map((step, index) => `${String(index + 1).padStart(3)}. ${step}`);
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${steps.join('\n')}`, {
      cause: error,
    });
  }
}

/** Numbers from 0 to 1 that only look random (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
