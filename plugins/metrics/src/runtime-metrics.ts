import { readdir } from 'node:fs/promises';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricSource } from './exposition.ts';

const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);
const GC_SECONDS = [0.001, 0.01, 0.1, 1];
const EVENT_LOOP_MILLISECONDS = 10;

type EventLoopDelay = ReturnType<typeof monitorEventLoopDelay>;

/** The process and its event loop. */
export class RuntimeMetrics implements MetricSource {
  readonly #registry = new Registry();
  readonly #garbage: PerformanceObserver;
  #delay: EventLoopDelay | undefined;

  constructor(labels: Readonly<Record<string, string>>) {
    const registers = [this.#registry];
    this.#registry.setDefaultLabels(labels);
    const collections = new Histogram({
      name: 'nodejs_gc_duration_seconds',
      help: 'Seconds the JavaScript engine has spent on collecting its garbage.',
      labelNames: ['kind'],
      buckets: GC_SECONDS,
      registers,
    });
    this.#garbage = new PerformanceObserver((list) => {
      for (const entry of list.getEntries())
        collections.observe({ kind: kindOf(entry) }, entry.duration / 1000);
    });
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Seconds of processor time, of user and system.',
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
    const gauge = (name: string, help: string, give: () => number | Promise<number>): void => {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await give());
        },
      });
    };
    gauge('process_resident_memory_bytes', 'Bytes of memory the process has.', () =>
      process.memoryUsage.rss(),
    );
    gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => {
      return Math.round((performance.timeOrigin / 1000) * 1000) / 1000;
    });
    gauge(
      'process_open_fds',
      'Files and connections that are open; 0 where that cannot be known.',
      openFiles,
    );
    gauge('nodejs_heap_used_bytes', 'Bytes of JavaScript objects.', () => getHeapStatistics().used_heap_size);
    gauge('nodejs_heap_limit_bytes', 'Bytes of JavaScript objects at which the process ends.', () => {
      return getHeapStatistics().heap_size_limit;
    });
    gauge('nodejs_external_memory_bytes', 'Bytes of buffers outside of the heap.', () => {
      return process.memoryUsage().external;
    });
    const delayNow = (): EventLoopDelay | undefined => this.#delay;
    new Gauge({
      name: 'nodejs_eventloop_delay_seconds',
      help: 'How late the event loop was, since this was last asked for.',
      labelNames: ['percentile'],
      registers,
      collect() {
        const delay = delayNow();
        if (delay === undefined) return;
        this.set({ percentile: '50' }, delay.percentile(50) / 1e9);
        this.set({ percentile: '99' }, delay.percentile(99) / 1e9);
        this.set({ percentile: '100' }, Math.max(delay.max, 0) / 1e9);
        delay.reset();
      },
    });
    new Gauge({
      name: 'nodejs_version_info',
      help: 'The version of Node.js.',
      labelNames: ['version'],
      registers,
    }).set({ version: process.version }, 1);
  }

  metrics(): Promise<string> {
    return this.#registry.metrics();
  }

  start(): void {
    this.#delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_MILLISECONDS });
    this.#delay.enable();
    this.#garbage.observe({ type: 'gc' });
  }

  stop(): void {
    this.#delay?.disable();
    this.#delay = undefined;
    this.#garbage.disconnect();
  }
}

/** The kind is in the entry's details, of which Node's types do not speak. */
function kindOf(entry: object): string {
  const detail: unknown = Reflect.get(entry, 'detail');
  const kind = typeof detail === 'object' && detail !== null && 'kind' in detail ? detail.kind : undefined;
  return (typeof kind === 'number' ? GC_KINDS.get(kind) : undefined) ?? 'other';
}

async function openFiles(): Promise<number> {
  try {
    return (await readdir('/proc/self/fd')).length;
  } catch (error) {
    // There is no such folder but on Linux.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
