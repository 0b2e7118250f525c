import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError, type RegistryFigures } from '@entrepot/plugin-sdk';
import { answerJson } from './answer.ts';
import type { DiagnosticEndpoints } from './diagnostic-endpoints.ts';

/** Seconds a profile of the processor may take. */
const LONGEST_PROFILE = 60;

/**
 * Adds what those look at who search for a fault in a running registry. Profiles name functions and no values, but they
 * cost time: these endpoints are for addresses of the machine itself.
 */
export function addDebugEndpoints(endpoints: DiagnosticEndpoints, figures: () => RegistryFigures): void {
  endpoints.json('/debug/figures', async () => ({
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    memory: process.memoryUsage(),
    resources: counted(process.getActiveResourcesInfo()),
    eventLoopDelayMs: await eventLoopDelay(),
    ...figures(),
  }));
  let profiling = false;
  endpoints.get('/debug/cpu-profile', async (request, response) => {
    const seconds = Number(new URL(request.url ?? '', 'http://localhost').searchParams.get('seconds') ?? 10);
    if (!(seconds > 0 && seconds <= LONGEST_PROFILE)) {
      const message = `seconds has to be a number above 0, at most ${LONGEST_PROFILE}`;
      throw new RegistryError('UNSUPPORTED', message, { status: 400 });
    }
    if (profiling) throw new RegistryError('TOOMANYREQUESTS', 'a profile is being made; try again');
    profiling = true;
    const session = new Session();
    try {
      session.connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      await sleep(seconds * 1000);
      const { profile } = await session.post('Profiler.stop');
      answerJson(response, 200, JSON.stringify(profile));
    } finally {
      session.disconnect();
      profiling = false;
    }
  });
}

/** How late timers were over a tenth of a second, in milliseconds. */
async function eventLoopDelay(): Promise<{ readonly mean: number; readonly max: number }> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await sleep(100);
  delay.disable();
  return { mean: delay.mean / 1e6, max: delay.max / 1e6 };
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
