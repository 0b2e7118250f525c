import { mock } from 'node:test';

const START = Date.UTC(2026, 0, 1);

/**
 * While a scene is played no time passes, and nothing happens by the clock, unless the scene says so. What the store has
 * set to happen later is forgotten with the clock, so a run that is over leaves nothing behind.
 */
export const stoppedClock = {
  /** Stops the clock, for a run of its own. */
  stop(): void {
    mock.timers.reset();
    mock.timers.enable({ apis: ['Date', 'setInterval'], now: START });
  },

  /** Sets the clock forward. What is due by then does not happen: a process sleeps that long. */
  pass(milliseconds: number): void {
    mock.timers.setTime(Date.now() + milliseconds);
  },

  /** Lets the clock run again. */
  release(): void {
    mock.timers.reset();
  },
};
