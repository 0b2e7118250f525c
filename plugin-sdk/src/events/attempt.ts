/** Milliseconds that work has to say what is wrong once its time is over; then nobody waits for it any more. */
const TIME_TO_ABORT = 1000;

/**
 * Settles as `work` does, whose signal aborts after `timeout` milliseconds, or rejects a second later, whatever becomes of
 * it. Rejects at once when `stopped` aborts.
 */
export async function withinTimeout(
  work: (signal: AbortSignal) => Promise<void>,
  timeout: number,
  stopped: AbortSignal,
): Promise<void> {
  stopped.throwIfAborted();
  const aborted = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  late.catch(() => undefined); // It is looked at only while the work goes on.
  const over = new Error('no answer in time');
  const stop = (): void => {
    const reason = new Error('the registry stops');
    aborted.abort(reason);
    reject(reason);
  };
  const timers = [
    setTimeout(() => aborted.abort(over), timeout).unref(),
    setTimeout(() => reject(over), timeout + TIME_TO_ABORT).unref(),
  ];
  stopped.addEventListener('abort', stop);
  try {
    await Promise.race([work(aborted.signal), late]);
  } finally {
    timers.forEach(clearTimeout);
    stopped.removeEventListener('abort', stop);
  }
}
