/** Where a worker finds its number: in its environment, because it has to know before it loads anything. */
export const numberVariable = 'ENTREPOT_WORKER';

/**
 * The number of this worker, from 1; `undefined` in a process that is none. Nor are those it starts in turn, so the
 * number is taken out of the environment.
 */
export function takeWorkerNumber(): number | undefined {
  const number = process.env[numberVariable];
  Reflect.deleteProperty(process.env, numberVariable);
  return number === undefined ? undefined : Number(number);
}
